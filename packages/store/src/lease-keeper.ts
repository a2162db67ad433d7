import type { Clock } from "@holdfast/core";
import type { LeaseRecord } from "./backend.ts";

/** The longest single wait: timers overflow at 2^31 milliseconds. */
const LONGEST_WAIT = 2 ** 30;

/**
 * Knows when each lease ends, and calls when one has. One timer for the earliest end, none when there are no leases.
 *
 * In the process time is counted by the monotonic clock, so that a corrected wall clock ends no lease.
 */
export class LeaseKeeper {
  readonly #clock: Clock;
  readonly #onDue: (ids: readonly string[]) => void;
  readonly #deadlines = new Map<string, number>();
  #closed = false;
  #timer: { readonly due: number; readonly abort: AbortController } | undefined;

  constructor(clock: Clock, onDue: (ids: readonly string[]) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Takes over a lease on record: what is left of it by the wall clock, at most its whole time. */
  restore(lease: LeaseRecord): void {
    this.start(lease.id, Math.min(lease.expires - this.#clock.now().getTime(), lease.ttlMilliseconds));
  }

  /** The lease now ends after this time. */
  start(id: string, milliseconds: number): void {
    if (this.#closed) return;
    this.#deadlines.set(id, this.#clock.monotonic() + milliseconds);
    this.#arm();
  }

  forget(id: string): void {
    this.#deadlines.delete(id);
  }

  hasEnded(id: string): boolean {
    const deadline = this.#deadlines.get(id);
    return deadline === undefined || deadline <= this.#clock.monotonic();
  }

  /** To be called when `onDue` has done its work: watches for the next end, not before this pause. */
  rearm(pauseMilliseconds = 0): void {
    this.#timer?.abort.abort();
    this.#timer = undefined;
    this.#arm(this.#clock.monotonic() + pauseMilliseconds);
  }

  close(): void {
    this.#closed = true;
    this.#deadlines.clear();
    this.#timer?.abort.abort();
    this.#timer = undefined;
  }

  #arm(notBefore = 0): void {
    let earliest = Number.POSITIVE_INFINITY;
    for (const deadline of this.#deadlines.values()) earliest = Math.min(earliest, deadline);
    if (earliest < (this.#timer?.due ?? Number.POSITIVE_INFINITY)) this.#set(Math.max(earliest, notBefore));
  }

  #set(due: number): void {
    this.#timer?.abort.abort();
    const timer = { due, abort: new AbortController() };
    this.#timer = timer;
    const wait = Math.max(0, Math.min(due - this.#clock.monotonic(), LONGEST_WAIT));
    this.#clock.wait(wait, timer.abort.signal).then(
      () => this.#fire(timer),
      () => {},
    );
  }

  #fire(timer: object): void {
    if (this.#timer !== timer) return;
    this.#timer = undefined;
    const due = [...this.#deadlines.keys()].filter((id) => this.hasEnded(id));
    if (due.length > 0) this.#onDue(due);
    else this.#arm();
  }
}
