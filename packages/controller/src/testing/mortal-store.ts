import type { Store } from "@holdfast/store";
import { storeWith } from "@holdfast/store/testing";

/** The way to the store of one life of a controller. It ends at a commit that changes the book, when that is wanted. */
export interface Life {
  /** Whether the commit is done before the end. Undefined: no end. */
  endsAt: "before" | "after" | undefined;
  readonly ended: PromiseWithResolvers<"ended">;
}

export function mortal(store: Store, life: Life): Store {
  let dead = false;
  return storeWith(store, {
    async commit(transaction) {
      const changesBook = transaction.operations.some(({ key }) => /^(claims|endpoints|superseded|heard)\//.test(key));
      if (!dead && (life.endsAt === undefined || !changesBook)) return await store.commit(transaction);
      const first = !dead;
      dead = true;
      if (first && life.endsAt === "after") await store.commit(transaction);
      life.ended.resolve("ended");
      return await new Promise<never>(() => undefined);
    },
  });
}
