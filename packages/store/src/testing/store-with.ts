import type { Store } from "../store.ts";

/** The same store, but for the methods that are given: the way to it of somebody for whom something goes wrong. */
export function storeWith(store: Store, methods: Partial<Store>): Store {
  return {
    get: (key) => store.get(key),
    list: (prefix, options) => store.list(prefix, options),
    commit: (transaction) => store.commit(transaction),
    watch: (prefix, options) => store.watch(prefix, options),
    revision: () => store.revision(),
    compact: (revision) => store.compact(revision),
    grantLease: (ttl) => store.grantLease(ttl),
    close: () => store.close(),
    ...methods,
  };
}
