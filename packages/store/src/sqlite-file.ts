import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { HoldfastError } from "@holdfast/core";
import { damaged, inspect, prepareSchema } from "./sqlite-schema.ts";

/** Primary result codes, https://sqlite.org/rescode.html */
const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;
/** SQLITE_IOERR_SHMOPEN, _SHMSIZE, _SHMLOCK and _SHMMAP. */
const SHARED_INDEX_ERRORS = new Set([18, 19, 20, 21].map((detail) => SQLITE_IOERR | (detail << 8)));

/**
 * What an acknowledged commit survives: the loss of power, for which each group of commits is synced to the disk, or the end of the process by
 * any means, for which the page cache is enough. The file stays whole in both cases (https://sqlite.org/pragma.html#pragma_synchronous).
 */
export type Survives = "power-loss" | "process-end";

const SYNCHRONOUS: Readonly<Record<Survives, string>> = { "power-loss": "FULL", "process-end": "NORMAL" };

/** An opened database file that no other process can open until it is closed, or this process dies. */
export interface SqliteFile {
  readonly database: DatabaseSync;
  close(): void;
}

/**
 * Opens or creates the file for this process alone.
 *
 * SQLite's exclusive lock is what keeps others out; it ends with the process, however that ends. The file `PATH.pid` only tells the
 * others whom to name. The database file is never opened other than by SQLite: closing any descriptor of it would drop the lock
 * (POSIX advisory locks, https://sqlite.org/howtocorrupt.html section 2.2).
 *
 * @throws HoldfastError `unavailable`: held by another process, or the folder cannot be written; and as {@link inspect}.
 */
export function openSqliteFile(path: string, survives: Survives = "power-loss"): SqliteFile {
  return translating(path, () => {
    const inspected = inspectReadOnly(path);
    const database = new DatabaseSync(path, { timeout: 0 });
    try {
      database.exec("PRAGMA locking_mode = EXCLUSIVE");
      if (!inspected) inspect(path, database);
      prepareSchema(database);
      database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${SYNCHRONOUS[survives]}`);
      // In pages of 4 KiB. Folding the log in holds up the commits that wait: little at a time.
      database.exec("PRAGMA wal_autocheckpoint = 1000");
      database.exec("BEGIN IMMEDIATE; COMMIT");
      // Left by inspecting: the index of the log that several processes would share.
      rmSync(`${path}-shm`, { force: true });
      nameHolder(path);
    } catch (error) {
      database.close();
      throw error;
    }
    return {
      database,
      close() {
        rmSync(pidFile(path), { force: true });
        database.close();
      },
    };
  });
}

/** Runs something on the database and gives its errors our words. */
export function translating<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw error instanceof HoldfastError ? error : translated(path, error);
  }
}

/**
 * Inspects the file, which is made when absent, in a way that cannot change it. False when that is impossible: after a creation that
 * was cut short, which only a writer may roll back, and on a full disk, where there is no room for the index that readers share.
 */
function inspectReadOnly(path: string): boolean {
  createFile(path);
  using database = new DatabaseSync(path, { readOnly: true, timeout: 0 });
  try {
    inspect(path, database);
    return true;
  } catch (error) {
    if (resultCode(error) === SQLITE_READONLY || SHARED_INDEX_ERRORS.has(extendedCode(error) ?? 0)) return false;
    throw error;
  }
}

/** Only an absent file may be opened other than by SQLite. */
function createFile(path: string): void {
  if (!existsSync(path)) writeFileSync(path, "", { flag: "wx", mode: 0o600 });
}

function translated(path: string, error: unknown): HoldfastError {
  const reason = error instanceof Error ? error.message : String(error);
  switch (resultCode(error)) {
    case SQLITE_BUSY:
      return new HoldfastError(
        "unavailable",
        `${path} is in use by ${holder(path)}; one process at a time may open it`,
        {
          cause: error,
        },
      );
    case SQLITE_CORRUPT:
      return damaged(path, reason, error);
    case SQLITE_NOTADB:
      return new HoldfastError("invalid_argument", `${path} is not a store of Holdfast; it was left as it is`, {
        cause: error,
      });
    case SQLITE_FULL:
      return new HoldfastError("unavailable", `cannot write ${path}: no space left; free some`, { cause: error });
    case SQLITE_READONLY:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return new HoldfastError("unavailable", `cannot use ${path}: ${reason}; check the folder and the disk`, {
        cause: error,
      });
    default:
      if (systemCode(error) === undefined) return new HoldfastError("internal", `${path}: ${reason}`, { cause: error });
      return new HoldfastError("unavailable", `cannot use ${path}: ${reason}`, { cause: error });
  }
}

/** Only a courtesy: a disk without room for it is no reason to fail. */
function nameHolder(path: string): void {
  try {
    writeFileSync(pidFile(path), `${process.pid}\n`);
  } catch {
    rmSync(pidFile(path), { force: true });
  }
}

function holder(path: string): string {
  try {
    const pid = Number.parseInt(readFileSync(pidFile(path), "utf8"), 10);
    return pid > 0 ? `process ${pid}` : "another process";
  } catch {
    return "another process";
  }
}

function pidFile(path: string): string {
  return `${path}.pid`;
}

function resultCode(error: unknown): number | undefined {
  const code = extendedCode(error);
  return code === undefined ? undefined : code & 0xff;
}

function extendedCode(error: unknown): number | undefined {
  const code = error instanceof Error && "errcode" in error ? error.errcode : undefined;
  return typeof code === "number" ? code : undefined;
}

/** e.g. `"ENOENT"`; undefined when the operating system has nothing to do with it. */
function systemCode(error: unknown): unknown {
  return error instanceof Error && "syscall" in error && "code" in error ? error.code : undefined;
}
