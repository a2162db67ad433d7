import { setImmediate as nextTurn } from "node:timers/promises";
import { type Clock, errorText, isHoldfastError, type Logger } from "@holdfast/core";
import type { Store } from "@holdfast/store";
import { CACHED } from "./keys.ts";
import type { State } from "./state.ts";

const RETRY_MILLISECONDS = 500;
/** Changes. Writing more than that has made others wait, who get a turn before it is taken in. */
const LARGE_COMMIT = 4096;

/** Fills the state with what the store has, to one revision. */
export async function loadState(store: Store, state: State): Promise<void> {
  // Every list is at least as new as this, so following from here misses nothing; what comes twice changes nothing.
  const from = await store.revision();
  for (const collection of CACHED) state.load((await store.list(`${collection}/`)).entries);
  const upTo = await store.revision();
  if (upTo === from) return state.settle(from);
  await catchUp(store, state, { from, upTo });
}

/** Takes in every commit until the signal is aborted. The store's end is the caller's affair. */
export async function followStore(
  dependencies: { readonly store: Store; readonly state: State; readonly clock: Clock; readonly logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  const { store, state, clock, logger } = dependencies;
  while (!signal.aborted) {
    try {
      for await (const batch of store.watch("", { after: state.revision, signal })) {
        if (batch.changes.length > LARGE_COMMIT) await nextTurn();
        state.apply(batch);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isHoldfastError(error, "revision_gone")) throw error;
      logger.warn("the store's changes are not coming; trying again", { error: errorText(error) });
      await clock.wait(RETRY_MILLISECONDS, signal).catch(() => undefined);
    }
  }
}

async function catchUp(store: Store, state: State, { from, upTo }: { from: number; upTo: number }): Promise<void> {
  const done = new AbortController();
  for await (const batch of store.watch("", { after: from, signal: done.signal })) {
    state.apply(batch);
    if (batch.revision >= upTo) done.abort();
  }
  state.settle(upTo);
}
