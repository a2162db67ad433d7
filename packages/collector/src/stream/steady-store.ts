import { type Clock, errorText, type Logger } from "@holdfast/core";
import type { WindowStore } from "../windows/store.ts";
import type { TrafficWindow, WindowOrigin } from "../windows/traffic.ts";

/** A store that is given each window of a stream until it has it: meanwhile the stream keeps what comes. */
export interface SteadyStore extends WindowStore {
  /** Why the store does not take the window that waits; undefined: it does. */
  readonly error: string | undefined;
}

export interface SteadyStoreDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: WindowStore;
  /** Is told of each window of a stream that the store has. */
  readonly kept: (origin: WindowOrigin) => void;
}

/** Milliseconds. */
const AGAIN_AFTER = 1000;

/** @param signal aborted: no window is tried again; it stays in the stream */
export function createSteadyStore(
  { clock, logger, store, kept }: SteadyStoreDependencies,
  signal: AbortSignal,
): SteadyStore {
  let error: string | undefined;

  function refused(reason: unknown): void {
    if (error === undefined) {
      const text = errorText(reason);
      logger.warn("the store does not take a window of traffic; the stream keeps it", { error: text });
    }
    error = errorText(reason);
  }

  async function offer(window: TrafficWindow): Promise<boolean> {
    try {
      await store.take(window);
      error = undefined;
      return true;
    } catch (reason) {
      refused(reason);
      return false;
    }
  }

  return {
    ...store,
    get error() {
      return error;
    },
    async take(window) {
      const { origin } = window;
      if (origin === undefined) return store.take(window);
      // The next one is not offered either after the signal: it would be kept without this one.
      while (!signal.aborted) {
        if (await offer(window)) return kept(origin);
        await clock.wait(AGAIN_AFTER, signal).catch(() => undefined);
      }
    },
  };
}
