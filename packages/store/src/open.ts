import { type Clock, type Logger, silentLogger } from "@holdfast/core";
import { MemoryBackend } from "./memory-backend.ts";
import { RevisionedStore, type RevisionedStoreOptions } from "./revisioned-store.ts";
import { SqliteBackend } from "./sqlite-backend.ts";
import type { Survives } from "./sqlite-file.ts";
import type { Store } from "./store.ts";

/** A store that ends with the process. */
export function openMemoryStore(
  dependencies: { readonly clock: Clock; readonly logger?: Logger },
  options: RevisionedStoreOptions = {},
): Store {
  const { clock, logger = silentLogger } = dependencies;
  return new RevisionedStore({ backend: new MemoryBackend(), clock, logger }, options);
}

export interface SqliteStoreOptions extends RevisionedStoreOptions {
  /** The database file, e.g. `"/var/lib/holdfast/controller.db"`; created when absent, its folder is not. */
  readonly path: string;
  /** What an acknowledged commit survives. Default: the loss of power. */
  readonly survives?: Survives;
}

/**
 * A store in a SQLite file, which this process alone may open.
 *
 * @throws HoldfastError `unavailable`: another process has the file open (its pid is named), or the folder cannot be written;
 * `invalid_argument`: the file is somebody else's; `precondition_failed`: a newer program wrote it; `internal`: it is damaged.
 * In each case the file is left as it is.
 */
export async function openSqliteStore(
  dependencies: { readonly clock: Clock; readonly logger: Logger },
  options: SqliteStoreOptions,
): Promise<Store> {
  const backend = new SqliteBackend(options.path, options.survives);
  try {
    return new RevisionedStore({ ...dependencies, backend }, options);
  } catch (error) {
    backend.close();
    throw error;
  }
}
