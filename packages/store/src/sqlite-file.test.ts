import { createHash } from "node:crypto";
import {
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { silentLogger } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSqliteStore } from "./open.ts";
import { SqliteBackend } from "./sqlite-backend.ts";
import { openSqliteFile } from "./sqlite-file.ts";
import type { ChangeBatch } from "./store.ts";
import { scratchFolder } from "./testing/scratch-folder.ts";

let scratch: ReturnType<typeof scratchFolder>;
let folder: string;
let path: string;
beforeEach(() => {
  scratch = scratchFolder();
  folder = scratch.path;
  path = join(folder, "store.db");
});
afterEach(() => scratch.remove());

const open = () => openSqliteStore({ clock: new ManualClock(), logger: silentLogger }, { path });
const digest = () => createHash("sha256").update(readFileSync(path)).digest("hex");

describe("a file of somebody else", () => {
  test("text is refused and left as it is", async () => {
    writeFileSync(path, "x".repeat(10_000));
    await expectRefusedUnchanged({
      code: "invalid_argument",
      message: expect.stringContaining("not a store of Holdfast"),
    });
  });

  test.each(["delete", "wal"])("another program's database in %s mode is refused and left as it is", async (mode) => {
    const other = new DatabaseSync(path);
    other.exec(`PRAGMA journal_mode = ${mode}; CREATE TABLE entries (key TEXT); INSERT INTO entries VALUES ('mine')`);
    other.close();
    await expectRefusedUnchanged({
      code: "invalid_argument",
      message: expect.stringContaining("not a store of Holdfast"),
    });
  });

  test("a store of a newer program is refused and left as it is", async () => {
    await (await open()).close();
    const newer = new DatabaseSync(path);
    newer.exec("PRAGMA user_version = 4");
    newer.close();
    await expectRefusedUnchanged({ code: "precondition_failed", message: expect.stringContaining("schema version 4") });
  });
});

describe("a damaged file", () => {
  test("overwritten pages are noticed when opening, and the file is left as it is", async () => {
    await fill();
    const descriptor = openSync(path, "r+");
    writeSync(descriptor, Buffer.alloc(40_000, 0x5a), 0, 40_000, 8192);
    await expectRefusedUnchanged({ code: "internal", message: expect.stringContaining("is damaged") });
  });

  test("one overwritten page that nobody reads at the start is noticed, too", async () => {
    await fill();
    const descriptor = openSync(path, "r+");
    writeSync(descriptor, Buffer.alloc(4096, 0x5a), 0, 4096, statSync(path).size - 3 * 4096);
    await expectRefusedUnchanged({ code: "internal", message: expect.stringContaining("is damaged") });
  });

  test("a cut file is noticed when opening, and left as it is", async () => {
    await fill();
    truncateSync(path, statSync(path).size - 8192);
    await expectRefusedUnchanged({ code: "internal", message: expect.stringContaining("is damaged") });
  });

  async function fill(): Promise<void> {
    const store = await open();
    const operations = Array.from({ length: 500 }, (_, index) => ({
      kind: "put" as const,
      key: `k/${index}`,
      value: "x".repeat(200),
    }));
    await store.commit({ conditions: [], operations });
    await store.close();
  }
});

async function expectRefusedUnchanged(error: object): Promise<void> {
  const before = digest();
  await expect(open()).rejects.toMatchObject(error);
  expect(digest()).toBe(before);
}

describe("a new file", () => {
  test("an empty file becomes a store, readable by its owner only", async () => {
    writeFileSync(path, "");
    await (await open()).close();
    rmSync(path);
    await (await open()).close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("a folder that does not exist is named", async () => {
    path = join(folder, "absent", "store.db");
    await expect(open()).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining(path) });
  });

  test("a closed store leaves one file", async () => {
    const store = await open();
    await store.commit({ conditions: [], operations: [{ kind: "put", key: "a", value: "" }] });
    await store.close();
    await (await open()).close();
    expect(readdirSync(folder)).toEqual(["store.db"]);
  });
});

describe("one process at a time", () => {
  test("a second opening is refused with the holder's pid, again and again, and disturbs nothing", async () => {
    const store = await open();
    for (let attempt = 0; attempt < 3; attempt++) {
      await expect(open()).rejects.toMatchObject({
        code: "unavailable",
        message: expect.stringContaining(`in use by process ${process.pid};`),
      });
    }
    await store.commit({ conditions: [], operations: [{ kind: "put", key: "a", value: "" }] });
    expect(await store.revision()).toBe(1);
    await store.close();
    await (await open()).close();
  });

  test("a pid file that a dead process left behind hinders nobody", async () => {
    writeFileSync(`${path}.pid`, "1\n");
    const store = await open();
    expect(readFileSync(`${path}.pid`, "utf8")).toBe(`${process.pid}\n`);
    await store.close();
    expect(existsSync(`${path}.pid`)).toBe(false);
  });

  test("without a readable pid file the holder stays unnamed", async () => {
    const store = await open();
    rmSync(`${path}.pid`);
    await expect(open()).rejects.toMatchObject({ message: expect.stringContaining("in use by another process;") });
    await store.close();
  });
});

describe("durability", () => {
  test("each transaction is synced before it returns: a write-ahead log with full synchronisation", () => {
    const file = openSqliteFile(path);
    const pragma = (name: string) => Object.values(file.database.prepare(`PRAGMA ${name}`).get() ?? {});
    expect([...pragma("journal_mode"), ...pragma("synchronous"), ...pragma("locking_mode")]).toEqual([
      "wal",
      2,
      "exclusive",
    ]);
    file.close();
  });
});

describe("durability of a store that need not survive a loss of power", () => {
  test("transactions are in the page cache before they return: a write-ahead log that is synced when it is folded in", () => {
    const file = openSqliteFile(path, "process-end");
    const pragma = (name: string) => Object.values(file.database.prepare(`PRAGMA ${name}`).get() ?? {});
    expect([...pragma("journal_mode"), ...pragma("synchronous")]).toEqual(["wal", 1]);
    file.close();
  });
});

describe("a group whose writing fails", () => {
  test("is taken back whole, and the next one goes on from there", () => {
    const backend = new SqliteBackend(path);
    const batch = (key: string, revision: number): ChangeBatch => {
      return { revision, changes: [{ kind: "put", entry: { key, value: "", revision, created: revision } }] };
    };
    backend.write((writer) => writer.apply(batch("a", 1), new Map()));
    expect(() =>
      backend.write((writer) => {
        writer.apply(batch("b", 2), new Map());
        writer.compact(1);
        throw new TypeError("out of memory");
      }),
    ).toThrow("out of memory");
    expect([backend.newest, backend.compacted, backend.get("b")]).toEqual([1, 0, undefined]);
    backend.write((writer) => writer.apply(batch("c", 2), new Map()));
    expect(backend.history(0, 10).map((batch) => batch.revision)).toEqual([1, 2]);
    expect(backend.history(0, 1).map((batch) => batch.revision)).toEqual([1]);
    backend.close();
  });
});
