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

async function opened() {
  const store = await openSqliteStore({ clock: new ManualClock(), logger: silentLogger }, { path });
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() });
}

/** Lengths of the values that are not in their rows. */
function longValues(): number[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return database
      .prepare("SELECT length(value) AS length FROM long_values")
      .all()
      .map((row) => Number(row.length));
  } finally {
    database.close();
  }
}

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

/** A file as the program of version 2 left it, with a value that is long today in its row. */
function writeVersion2(value: string): void {
  const database = new DatabaseSync(path);
  database.exec(`
    CREATE TABLE entries (
      key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, revision INTEGER NOT NULL, created INTEGER NOT NULL, lease TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX entries_of_lease ON entries (lease) WHERE lease IS NOT NULL;
    CREATE TABLE history (revision INTEGER PRIMARY KEY NOT NULL, changes TEXT NOT NULL) STRICT;
    CREATE TABLE leases (id TEXT PRIMARY KEY NOT NULL, ttl INTEGER NOT NULL, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE meta (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO meta VALUES ('compacted', 1);
    INSERT INTO entries VALUES ('a', '{}', 1, 1, NULL), ('b', '${value}', 2, 1, NULL);
    PRAGMA application_id = ${0x48465354};
    PRAGMA user_version = 2;
    PRAGMA journal_mode = WAL;
  `);
  database.close();
}

describe("a file of version 2", () => {
  test("is taken over, its long values taken out of their rows", async () => {
    const value = "v".repeat(100_000);
    writeVersion2(value);
    for (let opening = 0; opening < 2; opening++) {
      await using store = await opened();
      expect((await store.list("")).entries.map((entry) => entry.value)).toEqual(["{}", value]);
      expect(await store.get("b")).toEqual({ key: "b", value, revision: 2, created: 1 });
    }
    expect(longValues()).toEqual([value.length]);
  });
});

describe("a long value", () => {
  test("goes with its key, and when it is replaced", async () => {
    const value = (count: number) => "v".repeat(5000 + count);
    await using store = await opened();
    const put = (key: string, text: string) => ({ kind: "put", key, value: text }) as const;
    await store.commit({ conditions: [], operations: ["a", "b", "c"].map((key, index) => put(key, value(index))) });
    await store.commit({
      conditions: [],
      operations: [put("a", value(7)), put("b", "short"), { kind: "delete", key: "c" }],
    });
    expect((await store.list("")).entries.map((entry) => entry.value)).toEqual([value(7), "short"]);
    const lease = await store.grantLease(1000);
    await store.commit({ conditions: [], operations: [{ ...put("d", value(9)), lease: lease.id }] });
    await lease.revoke();
    await store[Symbol.asyncDispose]();
    expect(longValues()).toEqual([value(7).length]);
  });

  test("is taken out of its row among hundreds of others, too", async () => {
    await using store = await opened();
    const text = (index: number) => "v".repeat(index === 300 ? 5000 : 10);
    const puts = Array.from(
      { length: 500 },
      (_, index) => ({ kind: "put", key: `k${index}`, value: text(index) }) as const,
    );
    await store.commit({ conditions: [], operations: puts });
    await store[Symbol.asyncDispose]();
    expect(longValues()).toEqual([5000]);
  });

  test("does not lie where others are looked for", async () => {
    await using store = await opened();
    const long = "v".repeat(4_000_000);
    const puts = Array.from({ length: 40 }, (_, index) => ({ kind: "put", key: `k${index}`, value: long }) as const);
    for (const put of puts) await store.commit({ conditions: [], operations: [put] });
    const begun = performance.now();
    const conditions = Array.from({ length: 5000 }, (_, index) => ({ key: `k${index % 40}/${index}`, revision: 0 }));
    await store.commit({ conditions, operations: [] });
    // In their rows, 40 s; here some 0.1 s.
    expect(performance.now() - begun).toBeLessThan(5000);
  }, 120_000);
});
