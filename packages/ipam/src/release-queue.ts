import type { Span } from "./subnet-layout.ts";

interface Release {
  readonly offset: bigint;
  readonly cooledAt: number;
  cooled: boolean;
}

/** Late arrivals that are put into their places one by one; of more, everything is sorted once. */
const FEW = 64;

/**
 * Released offsets in order of the time when they have cooled down, from which any can be taken out. An offset first cools down, then waits to be
 * given again. Each release is looked at once when it has cooled, so that counting costs nothing. One that comes late, because clocks differ or
 * went back, costs as much as there are releases behind its place.
 */
export class ReleaseQueue {
  readonly #current = new Map<bigint, Release>();
  /** In order of time, with releases in between that are no longer current. */
  #queue: Release[] = [];
  /** Came after releases of a later time, and has no place in the queue yet. */
  #late: Release[] = [];
  /** Before this place nothing is current. */
  #head = 0;
  /** Before this place everything has cooled. */
  #warm = 0;
  #cooled = 0;

  /** How many are cooling down, as of the last {@link advance}. */
  get cooling(): number {
    return this.#current.size - this.#cooled;
  }

  /** How many have cooled down, likewise. */
  get cooled(): number {
    return this.#cooled;
  }

  has(offset: bigint): boolean {
    return this.#current.has(offset);
  }

  /** When the offset will have cooled down, in milliseconds since 1970; undefined when it is not in the queue. */
  cooledAt(offset: bigint): number | undefined {
    return this.#current.get(offset)?.cooledAt;
  }

  /** Must not be in the queue yet. */
  add(offset: bigint, cooledAt: number): void {
    const release = { offset, cooledAt, cooled: false };
    const last = this.#queue.at(-1);
    this.#current.set(offset, release);
    if (last !== undefined && last.cooledAt > cooledAt) this.#late.push(release);
    else this.#queue.push(release);
    if (this.#queue.length + this.#late.length > 2 * this.#current.size + 64) this.#tidy();
  }

  delete(offset: bigint): void {
    if (this.#current.get(offset)?.cooled) this.#cooled--;
    this.#current.delete(offset);
  }

  /** Notices what has cooled down by now. */
  advance(now: number): void {
    this.#order();
    // What is before the head is over: a time of it that is to come says nothing of what came late.
    this.#warm = Math.max(this.#warm, this.#head);
    for (; this.#warm < this.#queue.length; this.#warm++) {
      const release = this.#queue[this.#warm];
      if (release === undefined || release.cooledAt > now) return;
      if (!this.#isCurrent(release)) continue;
      release.cooled = true;
      this.#cooled++;
    }
  }

  /** The offset released longest ago, with the time when it will have cooled down. */
  oldest(): { readonly offset: bigint; readonly cooledAt: number } | undefined {
    this.#order();
    for (; this.#head < this.#queue.length; this.#head++) {
      const release = this.#queue[this.#head];
      if (release !== undefined && this.#isCurrent(release)) return release;
    }
    return undefined;
  }

  /**
   * The one in a stretch that was released longest ago and has cooled, as of the last {@link advance}; with `cooling` also one that has not.
   * Looks at every offset of the stretch or at every release, whatever are fewer.
   */
  oldestWithin(
    { first, last }: Span,
    { cooling = false } = {},
  ): { readonly offset: bigint; readonly cooledAt: number } | undefined {
    let oldest: Release | undefined;
    for (const release of this.#within(first, last)) {
      if ((release.cooled || cooling) && (oldest === undefined || isBefore(release, oldest))) oldest = release;
    }
    return oldest;
  }

  /** All of them with the times when they have cooled down, in this order. */
  *releases(): Generator<{ readonly offset: bigint; readonly cooledAt: number }> {
    this.#order();
    for (const release of this.#queue) if (this.#isCurrent(release)) yield release;
  }

  *#within(first: bigint, last: bigint): Generator<Release> {
    if (last - first < BigInt(this.#current.size)) {
      for (let offset = first; offset <= last; offset++) {
        const release = this.#current.get(offset);
        if (release !== undefined) yield release;
      }
      return;
    }
    for (const release of this.#current.values()) if (first <= release.offset && release.offset <= last) yield release;
  }

  #isCurrent(release: Release): boolean {
    return this.#current.get(release.offset) === release;
  }

  /** Gives late arrivals their places; of equal times, the one that came last is the last. */
  #order(): void {
    if (this.#late.length > FEW) this.#tidy();
    for (const release of this.#late.splice(0)) if (this.#isCurrent(release)) this.#insert(release);
  }

  #insert(release: Release): void {
    let [low, high] = [this.#head, this.#queue.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#queue[middle]?.cooledAt ?? 0) <= release.cooledAt) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, release);
    if (low >= this.#warm) return;
    this.#warm++;
    release.cooled = true;
    this.#cooled++;
  }

  /** Drops what is no longer current, and puts the rest, with what came late, in order of time. */
  #tidy(): void {
    const current = this.#queue
      .slice(this.#head)
      .concat(this.#late)
      .filter((release) => this.#isCurrent(release));
    this.#queue = this.#late.length === 0 ? current : current.sort((a, b) => a.cooledAt - b.cooledAt);
    this.#late = [];
    this.#head = 0;
    // What came late may lie before what has cooled; each is noticed once, in any case.
    for (const release of this.#queue) release.cooled = false;
    this.#cooled = 0;
    this.#warm = 0;
  }
}

/** Of two that were released at the same time, the one with the lower offset. */
function isBefore(one: Release, other: Release): boolean {
  return one.cooledAt < other.cooledAt || (one.cooledAt === other.cooledAt && one.offset < other.offset);
}
