import { setImmediate as nextTurn } from "node:timers/promises";
import { type Clock, errorText, isHoldfastError, type Logger } from "@holdfast/core";
import type { Store } from "@holdfast/store";
import { CACHED } from "./keys.ts";
import type { State } from "./state.ts";

const RETRY_MILLISECONDS = 500;
/** Changes. Writing more than that has made others wait, who get a turn before it is taken in. */
const LARGE_COMMIT = 4096;
/** Entries that are read at once at start. */
const PAGE = 1000;

/** Fills the state with what the store has, to one revision. */
export async function loadState(store: Store, state: State): Promise<void> {
  // Every list is at least as new as this, so following from here misses nothing; what comes twice changes nothing.
  const from = await store.revision();
  for (const collection of CACHED) await loadCollection(store, state, `${collection}/`);
  const upTo = await store.revision();
  if (upTo === from) return state.settle(from);
  await catchUp(store, state, { from, upTo });
}

/**
 * In pages, so that there is never a second copy of it all. The next one is fetched while this one is taken in. Pages are of different
 * revisions, which does no harm: the feed comes after.
 */
async function loadCollection(store: Store, state: State, prefix: string): Promise<void> {
  let page = await store.list(prefix, { limit: PAGE });
  for (;;) {
    const after = page.entries.at(-1)?.key;
    const next = page.more && after !== undefined ? store.list(prefix, { limit: PAGE, after }) : undefined;
    state.load(page.entries);
    if (next === undefined) return;
    page = await next;
  }
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
