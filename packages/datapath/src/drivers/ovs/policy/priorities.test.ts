import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AFTER_ALL_RULES, assignPriorities } from "./priorities.ts";

describe("priorities of rules", () => {
  test("fall in the order of the rules, whatever they were before", () => {
    const keys = fc.uniqueArray(fc.constantFrom(..."abcdefghijklmnop".split("")), { maxLength: 12 });
    fc.assert(
      fc.property(fc.array(keys, { minLength: 2, maxLength: 12 }), (versions) => {
        let before: ReadonlyMap<string, number> = new Map();
        for (const version of versions) {
          const after = assignPriorities(version, before);
          const falling = version.map((key) => after.get(key) ?? 0);
          expect(falling).toEqual([...new Set(falling)].toSorted((a, b) => b - a));
          expect(falling.every((each) => each > AFTER_ALL_RULES && each <= 60_000)).toBe(true);
          before = after;
        }
      }),
    );
  });

  test("stay where others come, go or change places", () => {
    const before = assignPriorities(["a", "b", "c", "d"], new Map());
    const after = assignPriorities(["new", "a", "c", "other", "b", "d"], before);
    const moved = ["a", "b", "c", "d"].filter((key) => after.get(key) !== before.get(key));
    expect(moved).toHaveLength(1);
  });

  test("are spread anew when there is no room left", () => {
    let keys = ["last"];
    let before = assignPriorities(keys, new Map());
    for (let number = 0; number < 200; number++) {
      keys = [`${number}`, ...keys];
      before = assignPriorities(keys, before);
      expect(new Set(before.values()).size).toBe(keys.length);
    }
  });

  test("are enough for 50,000 rules, and for no more than there are", () => {
    const keys = (count: number) => Array.from({ length: count }, (_, index) => `${index}`);
    expect(new Set(assignPriorities(keys(50_000), new Map()).values()).size).toBe(50_000);
    expect(() => assignPriorities(keys(60_000), new Map())).toThrow("more than 59998");
  });
});
