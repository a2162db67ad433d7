import type { Clock } from "./clock.ts";

/** A wait that may be ended early: to be woken is what it is for, and no error. One sleeps at a time. */
export interface Nap {
  /** Resolves after so many milliseconds, at the next {@link Nap.wake}, or when the signal is aborted; never rejects. At most 2^31 - 1, as a timer. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** Ends the sleep that is under way. While nobody sleeps it has no effect. */
  wake(): void;
}

/** Reason of an abort that ends a wait and is no failure. One for all: a new exception, with the stack it notes, takes longer than most of what is woken. */
export const WOKEN = new DOMException("woken", "AbortError");

export function createNap(clock: Clock): Nap {
  let sleeper: AbortController | undefined;
  return {
    async sleep(milliseconds, signal) {
      const own = new AbortController();
      sleeper = own;
      await clock.wait(milliseconds, AbortSignal.any([signal, own.signal])).catch(() => undefined);
      if (sleeper === own) sleeper = undefined;
    },
    wake: () => sleeper?.abort(WOKEN),
  };
}
