import type { Operation, Store } from "../store.ts";

/** The operation that gives `key` a value, on no lease. */
export function put(key: string, value: string): Operation & { kind: "put" } {
  return { kind: "put", key, value };
}

/** The operation that takes `key` away. */
export function remove(key: string): Operation {
  return { kind: "delete", key };
}

/** Commits the operations on no condition. */
export function commit(store: Store, ...operations: Operation[]) {
  return store.commit({ conditions: [], operations });
}
