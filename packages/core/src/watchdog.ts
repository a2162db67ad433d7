import type { Clock } from "./clock.ts";
import { HoldfastError } from "./errors.ts";
import { WOKEN } from "./nap.ts";

/** Aborts its signal when nothing was heard for too long, and when the outer signal is aborted. */
export interface Watchdog {
  readonly signal: AbortSignal;
  /** Counts from now on, anew. */
  watch(): void;
  /** Does not count until it watches again. */
  rest(): void;
}

/** Watches at once. */
export function createWatchdog(clock: Clock, silenceMilliseconds: number, outer: AbortSignal): Watchdog {
  const barked = new AbortController();
  let counting = new AbortController();

  function rest(): void {
    counting.abort(WOKEN);
  }

  function bark(): void {
    barked.abort(new HoldfastError("unavailable", `nothing was heard for ${silenceMilliseconds / 1000} s`));
  }

  function watch(): void {
    rest();
    counting = new AbortController();
    const { signal } = counting;
    clock.wait(silenceMilliseconds, signal).then(bark, () => undefined);
  }

  watch();
  return { signal: AbortSignal.any([outer, barked.signal]), watch, rest };
}
