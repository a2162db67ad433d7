import type { ChangeBatch, Entry } from "./store.ts";

/**
 * Where a {@link RevisionedStore} keeps its records. Synchronous: nothing else runs between two calls, so that a reader never
 * sees half a write. It stores what it is told; conditions, revisions and times are the store's affair.
 */
export interface Backend {
  /** The newest revision on record. */
  readonly newest: number;
  /** History up to and including this revision has been forgotten. */
  readonly compacted: number;
  get(key: string): Entry | undefined;
  /** Entries under a prefix in key order, those above `after` only, at most `limit`. */
  list(range: KeyRange): readonly Entry[];
  /** Batches above a revision in order: whole revisions, until `changes` changes are reached. */
  history(after: number, changes: number): readonly ChangeBatch[];
  leases(): readonly LeaseRecord[];
  /**
   * Runs work that calls the writer; on return all of it is durable. When the work or the writing throws, none of it is.
   * Work that wrote nothing costs no disk access.
   */
  write<T>(work: (writer: Writer) => T): T;
  close(): void;
}

/** What conditions are about: an {@link Entry} without its text. */
export type Mark = Pick<Entry, "revision" | "created">;

export interface KeyRange {
  readonly prefix: string;
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

/** What may be done inside {@link Backend.write}; reads through it see the writes before them. */
export interface Writer {
  /** The newest revision, the writes before this call included. */
  readonly newest: number;
  readonly compacted: number;
  /** Undefined: the key is absent. */
  mark(key: string): Mark | undefined;
  /** {@link mark} of each of these keys. */
  marks(keys: readonly string[]): ReadonlyMap<string, Mark | undefined>;
  /** Records the changes of the next revision: as newest values and in the history. `leases` has those of the keys put with one. */
  apply(batch: ChangeBatch, leases: ReadonlyMap<string, string>): void;
  /** Forgets history up to and including a revision. */
  compact(revision: number): void;
  hasLease(id: string): boolean;
  putLease(lease: LeaseRecord): void;
  deleteLease(id: string): void;
  /** Keys whose newest put named this lease, in key order. */
  keysOfLease(id: string): readonly string[];
}

/** A lease on record. `expires` is wall-clock time in milliseconds since 1970, because it has to survive the process. */
export interface LeaseRecord {
  readonly id: string;
  readonly ttlMilliseconds: number;
  readonly expires: number;
}
