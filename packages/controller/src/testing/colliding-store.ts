import { setImmediate as nextTurn } from "node:timers/promises";
import type { Store } from "@holdfast/store";
import { storeWith } from "@holdfast/store/testing";

/**
 * A store on which everything goes wrong that may go wrong: commits are delayed by random turns, so that they overtake each other, some
 * are answered with a conflict though there was none, and the feed of changes lags behind.
 */
export function collidingStore(store: Store, random: () => number): Store {
  async function delay(): Promise<void> {
    for (let turns = Math.floor(random() * 6); turns > 0; turns--) await nextTurn();
  }
  return storeWith(store, {
    async commit(transaction) {
      await delay();
      const [condition] = transaction.conditions;
      if (condition !== undefined && random() < 0.1) return { kind: "conflict", conflicts: [condition] };
      const result = await store.commit(transaction);
      await delay();
      return result;
    },
    async *watch(prefix, options) {
      for await (const batch of store.watch(prefix, options)) {
        await delay();
        yield batch;
      }
    },
  });
}
