import type { Span } from "./subnet-layout.ts";

interface Release {
  readonly offset: bigint;
  readonly at: number;
  cooled: boolean;
}

/**
 * Released offsets in order of time, from which any can be taken out. An offset first cools down, then waits to be given again. Each
 * release is looked at once when it has cooled, so that counting costs nothing.
 */
export class ReleaseQueue {
  readonly #cooldown: number;
  readonly #current = new Map<bigint, Release>();
  /** In order of time, with releases in between that are no longer current. */
  #queue: Release[] = [];
  /** Before this place nothing is current. */
  #head = 0;
  /** Before this place everything has cooled. */
  #warm = 0;
  #cooled = 0;
  #sorted = true;

  /** `cooldown` in milliseconds. */
  constructor(cooldown: number) {
    this.#cooldown = cooldown;
  }

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

  /** When the offset will have cooled down, in the clock of {@link add}; undefined when it is not in the queue. */
  cooledAt(offset: bigint): number | undefined {
    const release = this.#current.get(offset);
    return release === undefined ? undefined : release.at + this.#cooldown;
  }

  /** Must not be in the queue yet. */
  add(offset: bigint, at: number): void {
    const release = { offset, at, cooled: false };
    const last = this.#queue.at(-1);
    if (last !== undefined && last.at > at) this.#sorted = false;
    this.#current.set(offset, release);
    this.#queue.push(release);
    if (this.#queue.length > 2 * this.#current.size + 64) this.#tidy();
  }

  delete(offset: bigint): void {
    if (this.#current.get(offset)?.cooled) this.#cooled--;
    this.#current.delete(offset);
  }

  /** Notices what has cooled down by now. */
  advance(now: number): void {
    if (!this.#sorted) this.#tidy();
    for (; this.#warm < this.#queue.length; this.#warm++) {
      const release = this.#queue[this.#warm];
      if (release === undefined || release.at + this.#cooldown > now) return;
      if (!this.#isCurrent(release)) continue;
      release.cooled = true;
      this.#cooled++;
    }
  }

  /** The offset released longest ago, with the time when it will have cooled down. */
  oldest(): { readonly offset: bigint; readonly cooledAt: number } | undefined {
    if (!this.#sorted) this.#tidy();
    for (; this.#head < this.#queue.length; this.#head++) {
      const release = this.#queue[this.#head];
      if (release !== undefined && this.#isCurrent(release)) {
        return { offset: release.offset, cooledAt: release.at + this.#cooldown };
      }
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
    return oldest && { offset: oldest.offset, cooledAt: oldest.at + this.#cooldown };
  }

  /** All of them with the times of their release, oldest first. */
  *releases(): Generator<{ readonly offset: bigint; readonly at: number }> {
    this.#tidy();
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

  /** Drops what is no longer current, and puts the rest in order of time; equal times stay in order of arrival. */
  #tidy(): void {
    const current = this.#queue.slice(this.#head).filter((release) => this.#isCurrent(release));
    this.#queue = this.#sorted ? current : current.sort((a, b) => a.at - b.at);
    this.#sorted = true;
    this.#head = 0;
    // What was added late may lie before what has cooled; each is noticed once, in any case.
    for (const release of this.#queue) release.cooled = false;
    this.#cooled = 0;
    this.#warm = 0;
  }
}

/** Of two that were released at the same time, the one with the lower offset. */
function isBefore(one: Release, other: Release): boolean {
  return one.at < other.at || (one.at === other.at && one.offset < other.offset);
}
