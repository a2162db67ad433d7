import { describe, expect, test } from "vitest";
import { holds } from "./condition.ts";
import type { Value, WhereClause } from "./ovsdb.ts";

const MAP = new Map([
  ["a", "1"],
  ["b", "2"],
]);

describe("a condition", () => {
  test.each<[Value, WhereClause[1], Value, boolean]>([
    ["br0", "==", "br0", true],
    ["br0", "==", "br1", false],
    ["br0", "!=", "br1", true],
    [[7], "==", 7, true],
    [[], "==", 7, false],
    [[1, 2], "==", [2, 1], true],
    [[1, 2], "!=", [1], true],
    [[1, 2], "includes", 1, true],
    [[1, 2], "includes", [1, 3], false],
    [[1, 2], "includes", [], true],
    [[1, 2], "excludes", 3, true],
    [[1, 2], "excludes", [2, 3], false],
    [MAP, "includes", new Map([["a", "1"]]), true],
    [MAP, "includes", new Map([["a", "2"]]), false],
    [MAP, "excludes", new Map([["a", "2"]]), true],
    [MAP, "excludes", new Map([["b", "2"]]), false],
    [[{ uuid: "u" }], "includes", { uuid: "u" }, true],
    [{ uuid: "u" }, "==", { uuid: "v" }, false],
  ])("%j %s %j is %j", (actual, operator, wanted, expected) => {
    expect(holds(actual, operator, wanted)).toBe(expected);
  });
});
