import type { Clock } from "../clock.ts";

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #milliseconds = 0;
  readonly #start: number;
  readonly #waiters = new Set<{ due: number; wake: () => void }>();

  constructor(start = new Date("2026-01-01T00:00:00Z")) {
    this.#start = start.getTime();
  }

  now(): Date {
    return new Date(this.#start + this.#milliseconds);
  }

  monotonic(): number {
    return this.#milliseconds;
  }

  wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const waiter = { due: this.#milliseconds + milliseconds, wake: resolve };
      this.#waiters.add(waiter);
      signal.addEventListener("abort", () => this.#waiters.delete(waiter) && reject(signal.reason), { once: true });
    });
  }

  /** Moves the time on and wakes who is due. */
  advance(milliseconds: number): void {
    this.#milliseconds += milliseconds;
    for (const waiter of [...this.#waiters].sort((a, b) => a.due - b.due)) {
      if (waiter.due > this.#milliseconds) continue;
      this.#waiters.delete(waiter);
      waiter.wake();
    }
  }
}
