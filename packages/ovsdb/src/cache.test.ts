import { describe, expect, test } from "vitest";
import { Cache } from "./cache.ts";
import type { Row, Value } from "./ovsdb.ts";
import { decodeUpdates2, type RowUpdate } from "./row-update.ts";
import { parseSchema } from "./schema.ts";

const put = (uuid: string, columns: Readonly<Record<string, Value>>, table = "Port"): RowUpdate => ({
  table,
  uuid,
  change: { kind: "put", columns },
});
const remove = (uuid: string): RowUpdate => ({ table: "Port", uuid, change: { kind: "delete" } });

function filled(...updates: RowUpdate[]): Cache {
  const cache = new Cache(["Port", "Bridge"]);
  cache.apply(updates);
  return cache;
}

describe("the cache", () => {
  test("tells what an update changed, with the rows before and after", () => {
    const cache = filled(put("1", { tag: [1] }), put("2", { tag: [2] }));
    const [before1, before2] = [cache.table("Port").get("1"), cache.table("Port").get("2")];
    const changes = cache.apply([put("1", { tag: [9] }), remove("2"), put("3", {}), remove("4")]);
    expect(changes).toEqual([
      { table: "Port", uuid: "1", before: before1, after: { uuid: "1", columns: { tag: [9] } } },
      { table: "Port", uuid: "2", before: before2 },
      { table: "Port", uuid: "3", after: { uuid: "3", columns: {} } },
    ]);
  });

  test("takes over a whole new content as its difference, and keeps equal rows", () => {
    const ids = (key: string): Value => new Map([[key, "x"]]);
    const cache = filled(put("1", { trunks: [1, 2] }), put("2", { ids: ids("a") }), put("3", {}));
    put("b", {}, "Bridge");
    const kept = cache.table("Port").get("1");
    const changes = cache.replace([put("1", { trunks: [2, 1] }), put("2", { ids: ids("b") }), put("4", {})]);
    expect(changes.map(({ uuid, before, after }) => [uuid, before !== undefined, after !== undefined])).toEqual([
      ["3", true, false],
      ["2", true, true],
      ["4", false, true],
    ]);
    expect(cache.table("Port").get("1")).toBe(kept);
    expect(cache.replace([put("1", { trunks: [1, 2] }), put("2", { ids: ids("b") }), put("4", {})])).toEqual([]);
  });

  test("an update of a row it never heard of means that it is out of step", () => {
    const cache = filled();
    const patch: RowUpdate = { table: "Port", uuid: "1", change: { kind: "patch", apply: (columns) => columns } };
    expect(() => cache.apply([patch])).toThrow(expect.objectContaining({ code: "unavailable" }));
  });

  test("follows ten thousand updates of a table of twenty thousand rows, and keeps every state", () => {
    const uuids = Array.from({ length: 20_000 }, () => crypto.randomUUID());
    const cache = filled(...uuids.map((uuid) => put(uuid, { tag: [0] })));
    const states: ReadonlyMap<string, Row>[] = [];
    const started = performance.now();
    for (let tag = 1; tag <= 10_000; tag++) {
      cache.apply([put(uuids[tag] ?? "", { tag: [tag] })]);
      states.push(cache.table("Port"));
    }
    // Copying the table each time would be 200,000,000 entries: more than ten seconds.
    expect(performance.now() - started).toBeLessThan(3000);
    const tagOf = (state: number, row: number): unknown => states[state]?.get(uuids[row] ?? "")?.columns.tag;
    expect([tagOf(99, 100), tagOf(98, 100), tagOf(9999, 100), tagOf(9998, 10_000)]).toEqual([[100], [0], [100], [0]]);
  });
});

describe("differences from the server", () => {
  const schema = parseSchema({
    name: "db",
    version: "1.0.0",
    tables: {
      T: {
        columns: {
          one: { type: "integer" },
          optional: { type: { key: "string", min: 0, max: 1 } },
          set: { type: { key: "integer", min: 0, max: "unlimited" } },
          map: { type: { key: "string", value: "string", min: 0, max: "unlimited" } },
        },
      },
    },
  });
  const context = { schema, columns: new Map([["T", ["one", "optional", "set", "map"]]]) };
  const cacheAfter = (...notifications: unknown[]): Row | undefined => {
    const cache = new Cache(["T"]);
    for (const json of notifications) cache.apply(decodeUpdates2(context, json));
    return cache.table("T").get("u");
  };
  const row = (body: unknown): unknown => ({ T: { u: body } });
  const insert = row({
    insert: {
      one: 1,
      optional: "x",
      set: ["set", [1, 2]],
      map: [
        "map",
        [
          ["a", "1"],
          ["b", "2"],
        ],
      ],
    },
  });

  test("a new row has defaults where the server says nothing", () => {
    expect(cacheAfter(row({ initial: {} }))?.columns).toEqual({ one: 0, optional: [], set: [], map: new Map() });
  });

  test("atoms and optional atoms are replaced", () => {
    expect(cacheAfter(insert, row({ modify: { one: 5, optional: "y" } }))?.columns).toMatchObject({
      one: 5,
      optional: ["y"],
    });
    expect(cacheAfter(insert, row({ modify: { optional: ["set", []] } }))?.columns).toMatchObject({
      one: 1,
      optional: [],
    });
  });

  test("elements of sets are toggled", () => {
    expect(cacheAfter(insert, row({ modify: { set: ["set", [2, 3]] } }))?.columns.set).toEqual([1, 3]);
    expect(cacheAfter(insert, row({ modify: { set: 1 } }))?.columns.set).toEqual([2]);
  });

  test("keys of maps are added, changed, or removed when their value is repeated", () => {
    const modify = {
      map: [
        "map",
        [
          ["a", "1"],
          ["b", "9"],
          ["c", "3"],
        ],
      ],
    };
    expect(cacheAfter(insert, row({ modify }))?.columns.map).toEqual(
      new Map([
        ["b", "9"],
        ["c", "3"],
      ]),
    );
  });

  test("a deleted row is gone", () => {
    expect(cacheAfter(insert, row({ delete: null }))).toBeUndefined();
  });
});
