import type { Clock } from "@holdfast/core";

/** Milliseconds without activity that count as quiet. */
const QUIET = 100;
/** Milliseconds after which the work is done even if it never gets quiet. */
const LONGEST_DELAY = 1000;

/** Tells when to do work that can wait: soon after somebody has touched it last, or at once. */
export class QuietTime {
  readonly #clock: Clock;
  #touched = Number.NEGATIVE_INFINITY;
  #hurry = false;
  #news = Promise.withResolvers<void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** There is work that can wait. */
  touch(): void {
    this.#touched = this.#clock.monotonic();
    this.#news.resolve();
  }

  /** There is more of the work that was just done: its time is now, unless somebody has touched it a moment ago. */
  resume(): void {
    this.#news.resolve();
  }

  /** There is work that cannot wait. */
  hurry(): void {
    this.#hurry = true;
    this.#news.resolve();
  }

  /** Resolves when it is time for the work; false when the signal was aborted. */
  async next(signal: AbortSignal): Promise<boolean> {
    const stop = (): void => this.#news.resolve();
    signal.addEventListener("abort", stop, { once: true });
    try {
      if (!signal.aborted) await this.#news.promise;
      await this.#quiet(signal);
    } finally {
      signal.removeEventListener("abort", stop);
    }
    this.#hurry = false;
    this.#news = Promise.withResolvers();
    return !signal.aborted;
  }

  async #quiet(signal: AbortSignal): Promise<void> {
    const start = this.#clock.monotonic();
    while (!this.#hurry && !signal.aborted) {
      const now = this.#clock.monotonic();
      const due = Math.min(this.#touched + QUIET, start + LONGEST_DELAY) - now;
      if (due <= 0) return;
      this.#news = Promise.withResolvers();
      await Promise.race([this.#clock.wait(due, signal).catch(() => undefined), this.#news.promise]);
    }
  }
}
