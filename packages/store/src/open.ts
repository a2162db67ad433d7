import { type Clock, type Logger, silentLogger } from "@holdfast/core";
import { checkCount } from "./keys.ts";
import { MemoryBackend } from "./memory-backend.ts";
import { recordThread } from "./record-thread.ts";
import { localRecords, type Records } from "./records.ts";
import { RevisionedStore } from "./revisioned-store.ts";
import { SqliteBackend } from "./sqlite-backend.ts";
import type { Survives } from "./sqlite-file.ts";
import type { Store } from "./store.ts";

export interface RevisionedStoreOptions {
  /** How many of the newest revisions watchers can go back to. Default 100000. Up to a hundredth more may be kept. */
  readonly keepRevisions?: number;
}

const KEEP_REVISIONS = 100_000;

/** A store that ends with the process. */
export function openMemoryStore(
  dependencies: { readonly clock: Clock; readonly logger?: Logger },
  options: RevisionedStoreOptions = {},
): Store {
  const { clock, logger = silentLogger } = dependencies;
  const keepRevisions = kept(options);
  return new RevisionedStore({ records: localRecords(new MemoryBackend(), { keepRevisions }), clock, logger });
}

export interface SqliteStoreOptions extends RevisionedStoreOptions {
  /** The database file, e.g. `"/var/lib/holdfast/controller.db"`; created when absent, its folder is not. */
  readonly path: string;
  /** What an acknowledged commit survives. Default: the loss of power. */
  readonly survives?: Survives;
  /**
   * Which thread works on the file: this one, which then waits while the disk syncs, or one of its own, which costs some 15 MiB and 0.1 ms per
   * commit and lets this one go on. The process stays alive until the store is closed. Default: this one.
   */
  readonly thread?: "this" | "own";
}

/**
 * A store in a SQLite file, which this process alone may open.
 *
 * @throws HoldfastError `unavailable`: another process has the file open (its pid is named), or the folder cannot be written;
 * `invalid_argument`: the file is somebody else's; `precondition_failed`: a newer program wrote it; `internal`: it is damaged.
 * In each case the file is left as it is.
 */
export async function openSqliteStore(
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  options: SqliteStoreOptions,
): Promise<Store> {
  const records = await openRecords(options);
  const store = new RevisionedStore({ records, clock, logger });
  try {
    await store.prepare();
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

async function openRecords(options: SqliteStoreOptions): Promise<Records> {
  const { path, survives = "power-loss", thread = "this" } = options;
  const keepRevisions = kept(options);
  if (thread === "own") return recordThread({ path, survives, keepRevisions });
  const backend = new SqliteBackend(path, survives);
  try {
    return localRecords(backend, { keepRevisions });
  } catch (error) {
    backend.close();
    throw error;
  }
}

function kept({ keepRevisions = KEEP_REVISIONS }: RevisionedStoreOptions): number {
  checkCount("keepRevisions", keepRevisions);
  return keepRevisions;
}
