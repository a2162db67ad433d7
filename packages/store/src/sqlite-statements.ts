import type { DatabaseSync } from "node:sqlite";

/** What is asked and told of many keys at once takes them as one JSON array: half to a tenth of the time of a statement for each. */
export function statements(database: DatabaseSync) {
  return {
    get: database.prepare("SELECT key, value, revision, created, long FROM entries WHERE key = ?"),
    mark: database.prepare("SELECT revision, created FROM entries WHERE key = ?"),
    marks: database.prepare(
      "SELECT entries.key, revision, created FROM json_each(?) AS wanted CROSS JOIN entries ON entries.key = wanted.value",
    ),
    list: database.prepare(
      "SELECT key, value, revision, created, long FROM entries WHERE key >= ? AND key < ? ORDER BY key LIMIT ?",
    ),
    listAfter: database.prepare(
      "SELECT key, value, revision, created, long FROM entries WHERE key > ? AND key < ? ORDER BY key LIMIT ?",
    ),
    put: database.prepare(
      `INSERT INTO entries (key, value, revision, created, lease, long) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET
         value = excluded.value, revision = excluded.revision, lease = excluded.lease, long = excluded.long`,
    ),
    putMany: database.prepare(
      `INSERT INTO entries (key, value, revision, created) SELECT value ->> 0, value ->> 1, ?, value ->> 2 FROM json_each(?) WHERE true
       ON CONFLICT (key) DO UPDATE SET
         value = excluded.value, revision = excluded.revision, lease = excluded.lease, long = excluded.long`,
    ),
    deleteMany: database.prepare("DELETE FROM entries WHERE key IN (SELECT value FROM json_each(?))"),
    getLong: database.prepare("SELECT value FROM long_values WHERE id = ?"),
    putLong: database.prepare("INSERT INTO long_values (value) VALUES (?)"),
    delete: database.prepare("DELETE FROM entries WHERE key = ?"),
    record: database.prepare("INSERT INTO history (revision, changes) VALUES (?, ?)"),
    history: database.prepare("SELECT revision, changes FROM history WHERE revision > ? ORDER BY revision"),
    newest: database.prepare("SELECT max(revision) AS revision FROM history"),
    forget: database.prepare("DELETE FROM history WHERE revision <= ?"),
    compacted: database.prepare("SELECT value FROM meta WHERE name = 'compacted'"),
    setCompacted: database.prepare("UPDATE meta SET value = ? WHERE name = 'compacted'"),
    leases: database.prepare("SELECT id, ttl, expires FROM leases"),
    hasLease: database.prepare("SELECT 1 AS one FROM leases WHERE id = ?"),
    putLease: database.prepare("INSERT OR REPLACE INTO leases (id, ttl, expires) VALUES (?, ?, ?)"),
    deleteLease: database.prepare("DELETE FROM leases WHERE id = ?"),
    keysOfLease: database.prepare("SELECT key FROM entries WHERE lease = ? ORDER BY key"),
    begin: database.prepare("BEGIN IMMEDIATE"),
    commit: database.prepare("COMMIT"),
    rollback: database.prepare("ROLLBACK"),
  };
}
