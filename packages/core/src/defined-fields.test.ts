import { expect, test } from "vitest";
import { definedFields } from "./defined-fields.ts";

test("fields without a value are left out; null, zero and nothing to read are values", () => {
  const fields = { a: undefined, b: null, c: 0, d: "", e: false };
  expect(Object.entries(definedFields(fields))).toEqual([
    ["b", null],
    ["c", 0],
    ["d", ""],
    ["e", false],
  ]);
});
