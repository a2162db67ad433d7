import { type Clock, errorText, type Logger } from "@holdfast/core";
import type { Inventory } from "../inventory/inventory.ts";
import type { WindowStore } from "../windows/store.ts";

/** Milliseconds for which what is in the stream waits for names to be known. */
const NAMES_PATIENCE = 30_000;
const AGAIN_AFTER = 1000;

export interface CheckpointDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: WindowStore;
  readonly inventory: Pick<Inventory, "loaded"> | undefined;
}

/** How far a stream has been read, as its store knows; says so when names are known as well, because what is read then is named by them. */
export function streamCheckpoint(
  { clock, logger, store, inventory }: CheckpointDependencies,
  key: string,
  signal: AbortSignal,
): () => Promise<string | undefined> {
  return async () => {
    if (inventory !== undefined) await Promise.race([inventory.loaded, pause(NAMES_PATIENCE)]);
    while (!signal.aborted) {
      try {
        return await store.checkpoint?.(key);
      } catch (error) {
        logger.warn("the store does not say how far the stream was read", { error: errorText(error) });
        await pause(AGAIN_AFTER);
      }
    }
    return undefined;
  };

  function pause(milliseconds: number): Promise<void> {
    return clock.wait(milliseconds, signal).catch(() => undefined);
  }
}
