import type { DatabaseSync } from "node:sqlite";
import { HoldfastError } from "@holdfast/core";

/** "HFST", in the header of every file of ours (https://sqlite.org/fileformat2.html, application id). */
const APPLICATION_ID = 0x48465354;

/** Version of the tables below, in the header too. */
const SCHEMA_VERSION = 3;

/** One row per commit: `changes` is a JSON array of `[key, value, created]` for what was put and `[key]` for what was deleted. */
const HISTORY = `
CREATE TABLE history (revision INTEGER PRIMARY KEY NOT NULL, changes TEXT NOT NULL) STRICT;
`;

/** A value of more characters than this does not lie in its row, see {@link LONG_VALUES}. */
export const LONGEST_IN_ROW = 4096;

/**
 * Values that are too long for their rows. A row of `entries` lies in the tree of keys, and SQLite reads all of it whenever a search comes past
 * it: some answers of four megabytes made every search take milliseconds. A long value goes when its row does or gets another one.
 */
const LONG_VALUES = `
CREATE TABLE long_values (id INTEGER PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT;
CREATE TRIGGER long_value_replaced AFTER UPDATE ON entries WHEN old.long IS NOT NULL AND old.long IS NOT new.long
BEGIN DELETE FROM long_values WHERE id = old.long; END;
CREATE TRIGGER long_value_deleted AFTER DELETE ON entries WHEN old.long IS NOT NULL
BEGIN DELETE FROM long_values WHERE id = old.long; END;
`;

const SCHEMA = `
CREATE TABLE entries (
  key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, revision INTEGER NOT NULL, created INTEGER NOT NULL, lease TEXT,
  long INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX entries_of_lease ON entries (lease) WHERE lease IS NOT NULL;
${LONG_VALUES}
${HISTORY}
CREATE TABLE leases (id TEXT PRIMARY KEY NOT NULL, ttl INTEGER NOT NULL, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('compacted', 0);
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** Version 1 had a row of the history per change; one without a value was a deletion. */
const FROM_VERSION_1 = `
ALTER TABLE history RENAME TO history_1;
${HISTORY}
INSERT INTO history
  SELECT revision, json_group_array(
    CASE WHEN value IS NULL THEN json_array(key) ELSE json_array(key, value, created) END ORDER BY position
  ) FROM history_1 GROUP BY revision;
DROP TABLE history_1;
PRAGMA user_version = 2;
`;

/** Version 2 had every value in its row. */
const FROM_VERSION_2 = `
ALTER TABLE entries ADD COLUMN long INTEGER;
CREATE TEMP TABLE moved AS
  SELECT row_number() OVER (ORDER BY key) AS id, key, value FROM entries WHERE length(value) > ${LONGEST_IN_ROW};
${LONG_VALUES}
INSERT INTO long_values SELECT id, value FROM moved;
UPDATE entries SET value = '', long = moved.id FROM moved WHERE moved.key = entries.key;
DROP TABLE moved;
PRAGMA user_version = ${SCHEMA_VERSION};
`;

/**
 * Looks at a database without changing it: whether it is ours, whole, and of this version. An empty one will become ours.
 *
 * @throws HoldfastError `invalid_argument`: not ours; `precondition_failed`: written by a newer version; `internal`: damaged.
 */
export function inspect(path: string, database: DatabaseSync): void {
  if (isEmpty(database)) return;
  if (pragma(database, "application_id") !== APPLICATION_ID) {
    throw new HoldfastError("invalid_argument", `${path} is not a store of Holdfast; it was left as it is`);
  }
  const version = pragma(database, "user_version");
  if (version !== SCHEMA_VERSION && version !== 1 && version !== 2) {
    throw new HoldfastError(
      "precondition_failed",
      `${path} has schema version ${String(version)}, this program knows ${SCHEMA_VERSION}; use the program that wrote it`,
    );
  }
  const finding = pragma(database, "quick_check(1)");
  if (finding !== "ok") throw damaged(path, String(finding));
}

/** Makes an empty database ours and brings one of an older version up to date, whole or not at all. */
export function prepareSchema(database: DatabaseSync): void {
  if (isEmpty(database)) database.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
  else if (pragma(database, "user_version") === 1) {
    database.exec(`BEGIN IMMEDIATE; ${FROM_VERSION_1} ${FROM_VERSION_2} COMMIT`);
  } else if (pragma(database, "user_version") === 2) database.exec(`BEGIN IMMEDIATE; ${FROM_VERSION_2} COMMIT`);
}

export function damaged(path: string, finding: string, cause?: unknown): HoldfastError {
  const message = `${path} is damaged (${finding}); stop, keep a copy of the file, and restore it from a backup`;
  return new HoldfastError("internal", message, { cause });
}

function isEmpty(database: DatabaseSync): boolean {
  const unclaimed = pragma(database, "application_id") === 0 && pragma(database, "user_version") === 0;
  return unclaimed && database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
}

function pragma(database: DatabaseSync, name: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
}
