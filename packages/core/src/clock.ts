/** Time as a dependency, so that tests own it. */
export interface Clock {
  /** Wall-clock time for records and people. */
  now(): Date;
  /** Milliseconds that only grow; for deadlines and durations, never for records. */
  monotonic(): number;
  /**
   * Resolves after the given milliseconds; rejects with the signal's reason when it is aborted first.
   * Never keeps a process alive by itself.
   */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>;
}

interface Timer {
  unref?(): void;
}

declare function setTimeout(handler: () => void, milliseconds: number): Timer & number;
declare function clearTimeout(timer: Timer & number): void;
declare const performance: { now(): number };

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonic: () => performance.now(),
  wait: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      }, milliseconds);
      timer.unref?.();
      signal.addEventListener("abort", onAbort, { once: true });
    }),
};
