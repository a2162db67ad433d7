export { openMemoryStore, openSqliteStore, type RevisionedStoreOptions, type SqliteStoreOptions } from "./open.ts";
export type { Survives } from "./sqlite-file.ts";
export type {
  Change,
  ChangeBatch,
  CommitResult,
  Condition,
  Entry,
  Lease,
  Operation,
  Page,
  Store,
  Transaction,
} from "./store.ts";
export { type Attempt, type TransactOptions, transact } from "./transact.ts";
