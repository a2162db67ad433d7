import type { TableDefinition } from "../reconcile/operations.ts";

/** A table that remembers what the kernel has of it. */
export interface KnownTable<T> {
  readonly definition: TableDefinition<T>;
  /** Others may have changed it: it is read again before anything is written. */
  forget(): void;
}
