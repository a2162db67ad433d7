import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { silentLogger } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSqliteStore } from "./open.ts";
import { scratchFolder } from "./testing/scratch-folder.ts";
import { collect } from "./testing/store-harness.ts";

let scratch: ReturnType<typeof scratchFolder>;
let path: string;
beforeEach(() => {
  scratch = scratchFolder();
  path = join(scratch.path, "store.db");
});
afterEach(() => scratch.remove());

/** A file as the program of version 1 left it: `a` was put twice, the second time with `b`, which then went. */
function writeVersion1(): void {
  const database = new DatabaseSync(path);
  database.exec(`
    CREATE TABLE entries (
      key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, revision INTEGER NOT NULL, created INTEGER NOT NULL, lease TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX entries_of_lease ON entries (lease) WHERE lease IS NOT NULL;
    CREATE TABLE history (
      revision INTEGER NOT NULL, position INTEGER NOT NULL, key TEXT NOT NULL, value TEXT, created INTEGER,
      PRIMARY KEY (revision, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE leases (id TEXT PRIMARY KEY NOT NULL, ttl INTEGER NOT NULL, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE meta (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO meta VALUES ('compacted', 1);
    INSERT INTO entries VALUES ('a', '{"n":"\\"2"}', 2, 1, NULL);
    INSERT INTO history VALUES (2, 0, 'b', '{}', 2), (2, 1, 'a', '{"n":"\\"2"}', 1), (3, 0, 'b', NULL, NULL);
    PRAGMA application_id = ${0x48465354};
    PRAGMA user_version = 1;
    PRAGMA journal_mode = WAL;
  `);
  database.close();
}

describe("a file of version 1", () => {
  test("is taken over with its history, and stays usable", async () => {
    writeVersion1();
    for (let opening = 0; opening < 2; opening++) {
      const store = await openSqliteStore({ clock: new ManualClock(), logger: silentLogger }, { path });
      expect(await store.revision()).toBe(3 + opening);
      expect(await store.get("a")).toEqual({ key: "a", value: '{"n":"\\"2"}', revision: 2, created: 1 });
      const watch = collect(store, "", 1);
      await watch.until(2);
      expect((await watch.stop()).slice(0, 2)).toEqual([
        {
          revision: 2,
          changes: [
            { kind: "put", entry: { key: "b", value: "{}", revision: 2, created: 2 } },
            { kind: "put", entry: { key: "a", value: '{"n":"\\"2"}', revision: 2, created: 1 } },
          ],
        },
        { revision: 3, changes: [{ kind: "delete", key: "b", revision: 3 }] },
      ]);
      await store.commit({ conditions: [], operations: [{ kind: "put", key: `c${opening}`, value: "" }] });
      await store.close();
    }
  });
});
