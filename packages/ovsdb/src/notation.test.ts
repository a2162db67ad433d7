import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeRow, decodeValue, defaultValue, encodeValue, sameValue } from "./notation.ts";
import type { Atom, Value } from "./ovsdb.ts";
import type { AtomType, ColumnType } from "./schema.ts";

const ATOMS: Readonly<Record<AtomType, fc.Arbitrary<Atom>>> = {
  integer: fc.integer(),
  real: fc.double({ noNaN: true, noDefaultInfinity: true }).map((real) => real + 0),
  boolean: fc.boolean(),
  string: fc.string({ unit: "binary" }),
  uuid: fc.uuid().map((uuid) => ({ uuid })),
};
const KEYS = ["integer", "real", "boolean", "string", "uuid"] as const;

/** A column type and a value of it. */
const anyColumn: fc.Arbitrary<readonly [ColumnType, Value]> = fc
  .tuple(fc.constantFrom(...KEYS), fc.constantFrom(...KEYS), fc.constantFrom("one", "optional", "set", "map"))
  .chain(([key, value, shape]): fc.Arbitrary<readonly [ColumnType, Value]> => {
    const atoms = (maxLength: number): fc.Arbitrary<Atom[]> => fc.uniqueArray(ATOMS[key], { maxLength });
    const typed = (type: ColumnType, values: fc.Arbitrary<Value>) => values.map((each) => [type, each] as const);
    switch (shape) {
      case "one":
        return typed({ key, min: 1, max: 1 }, ATOMS[key]);
      case "optional":
        return typed({ key, min: 0, max: 1 }, atoms(1));
      case "set":
        return typed({ key, min: 0, max: Number.POSITIVE_INFINITY }, atoms(5));
      default: {
        const pairs = fc.array(fc.tuple(ATOMS[key], ATOMS[value]), { maxLength: 5 });
        return typed(
          { key, value, min: 0, max: Number.POSITIVE_INFINITY },
          pairs.map((each) => new Map(each)),
        );
      }
    }
  });

const OPTIONAL: ColumnType = { key: "integer", min: 0, max: 1 };
const TEXT: ColumnType = { key: "string", min: 1, max: 1 };
const TEXTS: ColumnType = { key: "string", value: "string", min: 0, max: Number.POSITIVE_INFINITY };

describe("OVSDB notation", () => {
  test("any value survives the way to the server and back", () => {
    fc.assert(
      fc.property(anyColumn, ([type, value]) => {
        expect(decodeValue(type, JSON.parse(JSON.stringify(encodeValue(value))))).toEqual(value);
      }),
    );
  });

  test.each<[string, Parameters<typeof encodeValue>[0], unknown]>([
    ["an atom", 7, 7],
    ["a set", [1, 2], ["set", [1, 2]]],
    ["an empty set", [], ["set", []]],
    ["a map", new Map([["a", "b"]]), ["map", [["a", "b"]]]],
    ["a reference", { uuid: "u" }, ["uuid", "u"]],
    ["a reference to a row of the same transaction", { named: "row1" }, ["named-uuid", "row1"]],
    [
      "a set of references",
      [{ named: "n" }, { uuid: "u" }],
      [
        "set",
        [
          ["named-uuid", "n"],
          ["uuid", "u"],
        ],
      ],
    ],
  ])("%s is written as RFC 7047 says", (_, value, json) => {
    expect(encodeValue(value)).toEqual(json);
  });

  test("a set of one may come as the bare atom, and one atom as a set", () => {
    expect(decodeValue(OPTIONAL, 7)).toEqual([7]);
    expect(decodeValue(OPTIONAL, ["set", []])).toEqual([]);
    expect(decodeValue(TEXT, ["set", ["a"]])).toBe("a");
  });

  test.each<[ColumnType, unknown]>([
    [TEXT, 7],
    [TEXT, ["set", []]],
    [OPTIONAL, "7"],
    [OPTIONAL, ["map", []]],
    [TEXTS, ["set", []]],
    [TEXTS, ["map", ["a"]]],
    [TEXTS, ["map", [["a"]]]],
    [{ key: "uuid", min: 1, max: 1 }, "u"],
  ])("%j does not accept %j", (type, json) => {
    expect(() => decodeValue(type, json)).toThrow(expect.objectContaining({ code: "unavailable" }));
  });

  test("a row has its UUID apart, and nothing the schema does not know", () => {
    const types = new Map<string, ColumnType>([
      ["_uuid", { key: "uuid", min: 1, max: 1 }],
      ["name", TEXT],
    ]);
    const json = { _uuid: ["uuid", "u"], _version: ["uuid", "v"], name: "br0", later: 1 };
    expect(decodeRow(types, json)).toEqual({ uuid: "u", columns: { name: "br0" } });
  });

  test("sets are the same in any order", () => {
    expect(sameValue([1, 2], [2, 1])).toBe(true);
    expect(sameValue([1, 2], [1, 3])).toBe(false);
    expect(sameValue([{ uuid: "a" }], [{ uuid: "a" }])).toBe(true);
    expect(sameValue(new Map([["a", "b"]]), new Map([["a", "c"]]))).toBe(false);
    expect(sameValue([1], 1)).toBe(false);
  });

  test("what was never written is empty, or the type's zero", () => {
    expect([OPTIONAL, TEXT, TEXTS].map(defaultValue)).toEqual([[], "", new Map()]);
  });
});
