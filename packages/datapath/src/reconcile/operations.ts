/**
 * What one kind of kernel or switch object needs in order to be kept in its desired state.
 *
 * Rows come in batches, because a switch takes many changes in one transaction. A batch that fails as a whole is tried again in
 * halves, so an operation may be all or nothing; what was done before it failed must be safe to repeat.
 */
export interface Operations<T> {
  /** Makes the target hold exactly these rows. What is right already is not touched: nothing may flap when an agent restarts. */
  update(rows: readonly T[], signal: AbortSignal): Promise<void>;
  /** Removes these rows. Removing what is not there is not an error. */
  remove(rows: readonly T[], signal: AbortSignal): Promise<void>;
  /** Removes everything of ours that is not in `desired`. Never called before the desired state is complete. */
  prune(desired: readonly T[], signal: AbortSignal): Promise<void>;
}

/** A row of a table of the same reconciler. */
export interface RowRef {
  readonly table: string;
  readonly key: string;
}

/** One kind of object. */
export interface TableDefinition<T> {
  /** Unique in its reconciler, e.g. `"ports"`. */
  readonly name: string;
  readonly key: (row: T) => string;
  /** Whether two rows of the same key are the same desired state. */
  readonly same: (a: T, b: T) => boolean;
  readonly operations: Operations<T>;
  /**
   * Rows that must be done before this one is updated, and that are removed only after this one is gone: ports before flows on the
   * way in, flows before ports on the way out.
   */
  readonly needs?: (row: T) => readonly RowRef[];
}

export function refText({ table, key }: RowRef): string {
  return `${table} ${key}`;
}
