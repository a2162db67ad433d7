import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { list, text, whole, word } from "./codec.ts";
import { record } from "./record-codec.ts";
import { RowTable } from "./row-table.ts";
import { createRows, type Rows } from "./rows.ts";
import { createTimeCodec } from "./time-codec.ts";

interface Thing {
  readonly place: string;
  readonly name: string;
  readonly [field: string]: unknown;
}

function tableOf(rows: Rows): RowTable<string, Thing> {
  const time = createTimeCodec();
  const fields = record({
    count: whole,
    kind: word,
    note: text,
    at: time,
    parts: list(record({ kind: word, at: time, note: text })),
    binding: record({ node: word, since: time }),
  });
  return new RowTable(rows, { keyOf: ({ name }) => name, given: (name) => ({ place: "here", name }), fields });
}

const json = fc.jsonValue({ maxDepth: 2 });
const time = fc.oneof(
  fc
    .date({ min: new Date(0), max: new Date("9999-12-31T23:59:59.999Z"), noInvalidDate: true })
    .map((date) => date.toISOString()),
  fc.constantFrom(
    "2026-11-20T14:05:00Z",
    "2026-02-30T14:05:00.000Z",
    "2026-11-20T14:05:61.000Z",
    "1969-12-31T23:59:59.999Z",
  ),
  fc.constantFrom("2026-11-20T14:05:00.000Z", "2026-11-20T14:59:59.999Z", "2026-11-20T15:00:00.000Z", ""),
);
const note = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.constant("\ud800"),
);
const kind = fc.oneof(fc.constantFrom("a", "b", ""), fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }), json);
const count = fc.oneof(fc.maxSafeNat(), fc.nat({ max: 300 }), fc.constantFrom(2 ** 31 - 1, 2 ** 31, 2 ** 32, -1, 1.5));
const fields = fc.record(
  {
    count,
    kind,
    note,
    at: time,
    parts: fc.array(fc.record({ kind, at: time, note, more: json }, { requiredKeys: [] }), { maxLength: 4 }),
    binding: fc.oneof(fc.record({ node: kind, since: time, other: note }, { requiredKeys: ["node"] }), json),
    unforeseen: json,
  },
  { requiredKeys: [] },
);
const name = fc.oneof(fc.integer({ min: 0, max: 30 }).map(String), fc.string({ unit: "grapheme", maxLength: 20 }));
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ name, fields }) },
  { weight: 1, arbitrary: fc.record({ name, fields: fc.constant(undefined) }) },
);

/** What JSON makes of a value: that is what the store has. */
function stored(thing: Thing): Thing {
  return JSON.parse(JSON.stringify(thing)) as Thing;
}

function sorted(things: Iterable<Thing>): Thing[] {
  return [...things].sort((a, b) => (a.name < b.name ? -1 : 1));
}

describe("a table of rows", () => {
  test("gives what a map gives, whatever the fields are", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const rows = createRows();
        const table = tableOf(rows);
        const model = new Map<string, Thing>();
        for (const one of steps) {
          const known = model.get(one.name);
          if (one.fields === undefined) {
            expect(table.delete(one.name).before).toEqual(known);
            model.delete(one.name);
            continue;
          }
          const thing = stored({ place: "here", name: one.name, ...one.fields });
          expect(table.put(thing).before).toEqual(known);
          model.set(one.name, thing);
          expect(table.get(one.name)).toEqual(thing);
        }
        expect(table.size).toBe(model.size);
        expect(sorted(table.values())).toEqual(sorted(model.values()));
        expect([...table.keys()].sort()).toEqual([...model.keys()].sort());
        for (const key of model.keys()) table.delete(key);
        expect([table.size, rows.vocabulary.size]).toEqual([0, 0]);
      }),
      { numRuns: 50 },
    );
  });

  test("picks fields, and the objects that have one", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.record({ name, fields }), { maxLength: 20, selector: (one) => one.name }),
        (all) => {
          const table = tableOf(createRows());
          const things = all.map((one) => stored({ place: "here", name: one.name, ...one.fields }));
          for (const thing of things) table.put(thing);
          const picked = things.map(({ note: its, binding, unforeseen }) => ({ note: its, binding, unforeseen }));
          const some = [...table.pick("note", "binding", "unforeseen")].map((one) => ({ ...one }));
          expect(some).toEqual(expect.arrayContaining(picked.map((one) => stored(one as unknown as Thing))));
          expect(some).toHaveLength(things.length);
          for (const field of ["at", "parts", "unforeseen"]) {
            expect(sorted(table.having(field))).toEqual(sorted(things.filter((thing) => field in thing)));
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  test("leaves undefined fields out, as JSON does", () => {
    const table = tableOf(createRows());
    table.put({ place: "here", name: "a", note: undefined, unforeseen: undefined });
    expect(Object.keys(table.get("a") ?? {})).toEqual(["place", "name"]);
  });

  test("keeps what contradicts the table itself", () => {
    const table = tableOf(createRows());
    table.put({ place: "there", name: "a" });
    expect(table.get("a")).toEqual({ place: "there", name: "a" });
  });

  test("shares memory and common values with other tables", () => {
    const rows = createRows();
    const [one, other] = [tableOf(rows), tableOf(rows)];
    for (let index = 0; index < 3000; index++) {
      const thing = { place: "here", name: `n${index}`, kind: { team: "web" } };
      one.put(thing);
      other.put({ ...thing, count: index });
    }
    expect(rows.vocabulary.size).toBe(1);
    expect([one.get("n7")?.count, other.get("n7")?.count]).toEqual([undefined, 7]);
    for (const name of [...one.keys()]) one.delete(name);
    expect(other.get("n2999")).toEqual({ place: "here", name: "n2999", kind: { team: "web" }, count: 2999 });
  });

  test("may change while it is read: what stays comes once", () => {
    const table = tableOf(createRows());
    for (let index = 0; index < 5000; index++) table.put({ place: "here", name: `n${index}` });
    const seen: string[] = [];
    for (const { name: key } of table.values()) {
      seen.push(key);
      if (seen.length % 2 === 0) table.delete(key);
      table.put({ place: "here", name: `late${seen.length}`, note: "x".repeat(seen.length % 90) });
      if (seen.length > 20_000) break;
    }
    const early = seen.filter((key) => key.startsWith("n"));
    expect([early.length, new Set(seen).size]).toEqual([5000, seen.length]);
  });

  test("has room for values that are all different", () => {
    const rows = createRows();
    const table = tableOf(rows);
    for (let index = 0; index < 20_000; index++) table.put({ place: "here", name: `n${index}`, kind: { index } });
    expect(rows.vocabulary.size).toBe(16_384);
    expect(table.get("n19999")?.kind).toEqual({ index: 19_999 });
    expect(table.get("n0")?.kind).toEqual({ index: 0 });
    for (let index = 0; index < 20_000; index++) table.delete(`n${index}`);
    expect(rows.vocabulary.size).toBe(0);
  });
});
