/** When something was seen, in the same state each time. */
export interface Observation {
  readonly first: Date;
  readonly count: number;
  /** Seen at least twice, with the time between that a proof takes. */
  readonly proven: boolean;
}

/** A moment, on the clock for people and on the one that only grows. */
export interface Moment {
  readonly at: Date;
  readonly monotonic: number;
}

interface Seen {
  readonly evidence: string;
  readonly first: Moment;
  readonly count: number;
  /** The round that saw it last. */
  readonly round: number;
  readonly scope: Scope;
}

/** Where something was seen: which rounds would see it again. */
export interface Scope {
  readonly stage: string;
  readonly tenant?: string | undefined;
  readonly network?: string | undefined;
  readonly node?: string | undefined;
}

/**
 * What earlier rounds have seen. Only in memory: a controller that has started anew has seen nothing, and proves nothing from before.
 *
 * What is not seen again by a round that looked there, or is seen in another state (its evidence differs), begins anew.
 */
export class Observations {
  readonly #seen = new Map<string, Seen>();
  readonly #grace: number;
  #round = 0;

  /** @param grace Milliseconds between the first and the last of the observations that prove something. */
  constructor(grace: number) {
    this.#grace = grace;
  }

  get size(): number {
    return this.#seen.size;
  }

  beginRound(): void {
    this.#round++;
  }

  see(key: string, evidence: string, scope: Scope, now: Moment): Observation {
    const before = this.#seen.get(key);
    const again = before?.evidence === evidence ? before : undefined;
    const count = again === undefined ? 1 : again.count + (again.round === this.#round ? 0 : 1);
    const first = again?.first ?? now;
    this.#seen.set(key, { evidence, first, count, round: this.#round, scope });
    return { first: first.at, count, proven: count > 1 && now.monotonic - first.monotonic >= this.#grace };
  }

  /** Forgets what this round has not seen although it looked there. */
  endRound(looked: (scope: Scope) => boolean): void {
    for (const [key, { round, scope }] of this.#seen)
      if (round !== this.#round && looked(scope)) this.#seen.delete(key);
  }

  /** It is repaired. */
  forget(key: string): void {
    this.#seen.delete(key);
  }
}
