/**
 * A revisioned key-value store: what the controller keeps, and nothing else. The shape follows etcd, so that etcd can stand behind it.
 *
 * Every commit that changes something takes the next revision. All its changes carry that revision.
 */
export interface Store {
  /** The newest value of a key; undefined when it is absent. */
  get(key: string): Promise<Entry | undefined>;

  /**
   * Entries whose key starts with `prefix`, in ascending key order (by UTF-8 bytes), as of one revision.
   *
   * `limit` bounds the page (0 or absent: everything); `after` is the last key of the page before.
   */
  list(prefix: string, options?: { readonly limit?: number; readonly after?: string }): Promise<Page>;

  /**
   * Does all operations when all conditions hold, else nothing. Resolves only when the result is durable.
   *
   * Deleting an absent key is no error. A commit that changes nothing takes no revision and answers the current one. A put always
   * changes, also when it puts the value that is there.
   *
   * @throws HoldfastError `invalid_argument`: a key twice, or a key that is empty or not well-formed; `not_found`: a put names a
   * lease that has ended; `unavailable`: the store is closed or cannot write (the outcome is then unknown).
   */
  commit(transaction: Transaction): Promise<CommitResult>;

  /**
   * Every change under `prefix` with a revision above `after`, in order, one batch per revision, none missing; then goes on for
   * ever, until the signal is aborted (the iteration then ends without an error).
   *
   * @throws HoldfastError `revision_gone` when changes after that revision have been compacted, or when the store has never reached
   * it (it was restored from a backup): list again; `unavailable` when the store is closed.
   */
  watch(prefix: string, options: { readonly after: number; readonly signal: AbortSignal }): AsyncIterable<ChangeBatch>;

  /** The revision of the newest commit; 0 for an empty store. */
  revision(): Promise<number>;

  /**
   * Forgets the history up to and including a revision. Newest values stay. Compacting again, or less, is no error.
   *
   * @throws HoldfastError `invalid_argument` for a revision that the store has not reached.
   */
  compact(revision: number): Promise<void>;

  /**
   * A lease that its holder keeps alive; keys put with it vanish in one commit when it ends. A key belongs to the lease of its
   * newest put, or to none. The lease outlives the process: what is left of its time runs on.
   */
  grantLease(ttlMilliseconds: number): Promise<Lease>;

  /** Finishes what was begun, ends every watch with `unavailable`. Closing again is no error. */
  close(): Promise<void>;
}

/** A key with its newest value. `value` is text, in practice JSON. `revision` is that of the last change, `created` of the first put. */
export interface Entry {
  readonly key: string;
  readonly value: string;
  readonly revision: number;
  readonly created: number;
}

export interface Page {
  readonly entries: readonly Entry[];
  /** The store's revision at which the page was read. */
  readonly revision: number;
  /** Whether more entries follow after the last one. */
  readonly more: boolean;
}

/** Holds when the key's newest revision is exactly this; 0 means: the key is absent. */
export interface Condition {
  readonly key: string;
  readonly revision: number;
}

export type Operation =
  | { readonly kind: "put"; readonly key: string; readonly value: string; readonly lease?: string }
  | { readonly kind: "delete"; readonly key: string };

export interface Transaction {
  readonly conditions: readonly Condition[];
  /** At most one operation per key. */
  readonly operations: readonly Operation[];
}

export type CommitResult =
  | { readonly kind: "committed"; readonly revision: number }
  /** Nothing was done; the conditions that did not hold. */
  | { readonly kind: "conflict"; readonly conflicts: readonly Condition[] };

/** What one commit changed under the watched prefix. Never empty. */
export interface ChangeBatch {
  readonly revision: number;
  readonly changes: readonly Change[];
}

export type Change =
  | { readonly kind: "put"; readonly entry: Entry }
  | { readonly kind: "delete"; readonly key: string; readonly revision: number };

export interface Lease {
  readonly id: string;
  /** Starts the time to live again. @throws HoldfastError `not_found` when the lease has ended. */
  keepAlive(): Promise<void>;
  /** Ends the lease: its keys are deleted in one commit. Ending an ended lease is no error. */
  revoke(): Promise<void>;
}
