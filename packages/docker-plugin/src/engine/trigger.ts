/** Wakes one waiter; any number of calls while it is busy wake it once. */
export interface Trigger {
  fire(): void;
  /** Resolves when fired since the last wait; rejects with the signal's reason. */
  wait(signal: AbortSignal): Promise<void>;
}

export function createTrigger(): Trigger {
  let fired = false;
  let wake: (() => void) | undefined;
  return {
    fire() {
      fired = true;
      wake?.();
    },
    async wait(signal) {
      signal.throwIfAborted();
      if (!fired) {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        const onAbort = (): void => reject(signal.reason);
        signal.addEventListener("abort", onAbort, { once: true });
        wake = resolve;
        try {
          await promise;
        } finally {
          wake = undefined;
          signal.removeEventListener("abort", onAbort);
        }
      }
      fired = false;
    },
  };
}
