import type { Store } from "@holdfast/store";

/** The way to the store of one life of a controller. It ends at a commit that changes the book, when that is wanted. */
export interface Life {
  /** Whether the commit is done before the end. Undefined: no end. */
  endsAt: "before" | "after" | undefined;
  readonly ended: PromiseWithResolvers<"ended">;
}

export function mortal(store: Store, life: Life): Store {
  let dead = false;
  return {
    get: (key) => store.get(key),
    list: (prefix, options) => store.list(prefix, options),
    watch: (prefix, options) => store.watch(prefix, options),
    revision: () => store.revision(),
    compact: (revision) => store.compact(revision),
    grantLease: (ttl) => store.grantLease(ttl),
    close: () => store.close(),
    async commit(transaction) {
      const changesBook = transaction.operations.some(({ key }) => /^(claims|endpoints|superseded|heard)\//.test(key));
      if (!dead && (life.endsAt === undefined || !changesBook)) return await store.commit(transaction);
      const first = !dead;
      dead = true;
      if (first && life.endsAt === "after") await store.commit(transaction);
      life.ended.resolve("ended");
      return await new Promise<never>(() => undefined);
    },
  };
}
