import type { Backend, KeyRange, LeaseRecord } from "./backend.ts";
import { performGroup } from "./performing.ts";
import type { ChangeBatch, Entry } from "./store.ts";
import type { GroupDone, Work } from "./work.ts";

/**
 * The records of a store, and who works on them. Reads see every group whose outcome was told before they were asked for, and what
 * they answer is told after the outcome of every group that they saw.
 */
export interface Records {
  /** As they were when the records were opened. */
  readonly opened: OpenedRecords;
  /** A group of so many works is worth handing over before the turn ends. */
  readonly handOver: number;
  /** Aborted, with the error that every call will have, when the records are out of reach for good. Never, for a backend in this thread. */
  readonly lost: AbortSignal;
  get(key: string): Promise<Entry | undefined>;
  /** Entries and the newest revision at the same moment. */
  list(range: KeyRange): Promise<{ readonly entries: readonly Entry[]; readonly revision: number }>;
  history(after: number, changes: number): Promise<HistoryPage>;
  /** Does a group in its order, all of it or, when it fails, nothing. Tells exactly once, when the group is durable; groups in turn. */
  perform(works: readonly Work[], tell: GroupTold): void;
  /** Does what was asked for, then lets go of the records. Must be called once. */
  close(): Promise<void>;
}

export interface OpenedRecords {
  readonly newest: number;
  readonly compacted: number;
  readonly leases: readonly LeaseRecord[];
}

export interface HistoryPage {
  /** Batches above a revision in order, none missing unless `compacted` is above that revision. */
  readonly batches: readonly ChangeBatch[];
  readonly compacted: number;
}

export interface GroupTold {
  done(group: GroupDone): void;
  failed(error: unknown): void;
}

export interface RecordsOptions {
  /** How many of the newest revisions watchers can go back to. */
  readonly keepRevisions: number;
}

/** Works on a backend in this thread: who calls waits while the disk does. */
export function localRecords(backend: Backend, { keepRevisions }: RecordsOptions): Records {
  return {
    opened: { newest: backend.newest, compacted: backend.compacted, leases: backend.leases() },
    handOver: Number.POSITIVE_INFINITY,
    lost: new AbortController().signal,
    get: async (key) => backend.get(key),
    list: async (range) => ({ entries: backend.list(range), revision: backend.newest }),
    history: async (after, changes) => ({ batches: backend.history(after, changes), compacted: backend.compacted }),
    perform(works, tell) {
      let group: GroupDone;
      try {
        group = performGroup(backend, works, keepRevisions);
      } catch (error) {
        return tell.failed(error);
      }
      tell.done(group);
    },
    close: async () => backend.close(),
  };
}
