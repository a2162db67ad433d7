import { describe, expect, test } from "vitest";
import { alike } from "./alike.ts";

describe("two pieces of data are alike", () => {
  test.each<{ name: string; a: unknown; b: unknown }>([
    { name: "with fields in another order", a: { x: 1, y: { z: [2] } }, b: { y: { z: [2] }, x: 1 } },
    { name: "with a field that has no value, and without it", a: { x: 1, y: undefined }, b: { x: 1 } },
    { name: "when both are nothing", a: undefined, b: undefined },
  ])("$name", ({ a, b }) => {
    expect(alike(a, b)).toBe(true);
    expect(alike(b, a)).toBe(true);
  });

  test.each<{ name: string; a: unknown; b: unknown }>([
    { name: "with lists in another order", a: [1, 2], b: [2, 1] },
    { name: "with a list that goes on", a: [1], b: [1, undefined] },
    { name: "with a field more", a: { x: 1 }, b: { x: 1, y: 2 } },
    { name: "with other fields, as many", a: { x: 1, y: undefined }, b: { x: 1, z: 1 } },
    { name: "with a value deep inside that is another", a: { x: [{ y: 1 }] }, b: { x: [{ y: "1" }] } },
    { name: "with null, and with nothing", a: { x: null }, b: {} },
    { name: "an empty list and an object without fields", a: [], b: {} },
    { name: "with a field of a name that every object knows", a: { toString: Object.prototype.toString }, b: {} },
  ])("not $name", ({ a, b }) => {
    expect(alike(a, b)).toBe(false);
    expect(alike(b, a)).toBe(false);
  });
});
