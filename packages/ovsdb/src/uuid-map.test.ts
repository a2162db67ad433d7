import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UuidMap } from "./uuid-map.ts";

/** Real UUIDs, ones that share long tails, and keys that are none at all. */
const anyKey = fc.oneof(
  fc.uuid(),
  fc.nat(40).map((count) => `00000000-0000-4000-8000-${count.toString(16).padStart(12, "0")}`),
  fc.nat(40).map((count) => `${count.toString(16).padStart(8, "0")}-0000-4000-8000-000000000000`),
  fc.string({ maxLength: 3 }),
);
const anyStep = fc.record({ key: anyKey, value: fc.option(fc.nat(), { nil: undefined }) });

describe("a map of UUIDs", () => {
  test("holds what a Map would, and its earlier states hold what they held", () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 80 }), (steps) => {
        let map = UuidMap.empty<number>();
        const model = new Map<string, number>();
        const states: [UuidMap<number>, Map<string, number>][] = [];
        for (const { key, value } of steps) {
          if (value === undefined) {
            map = map.without(key);
            model.delete(key);
          } else {
            map = map.with(key, value);
            model.set(key, value);
          }
          states.push([map, new Map(model)]);
        }
        for (const [state, expected] of states) {
          expect(new Map(state)).toEqual(expected);
          expect(state.size).toBe(expected.size);
          for (const { key } of steps) {
            expect(state.get(key)).toBe(expected.get(key));
            expect(state.has(key)).toBe(expected.has(key));
          }
        }
      }),
    );
  });

  test("an update of a large map does not copy it", () => {
    let map = UuidMap.empty<number>();
    for (let count = 0; count < 50_000; count++) map = map.with(crypto.randomUUID(), count);
    const [key] = map.keys();
    const started = performance.now();
    for (let count = 0; count < 10_000; count++) map = map.with(key ?? "", count);
    // Copying 50,000 entries 10,000 times takes minutes.
    expect(performance.now() - started).toBeLessThan(2000);
    expect(map.size).toBe(50_000);
  });

  test("removing what is not there gives the same map", () => {
    const map = UuidMap.empty<number>().with("a", 1);
    expect(map.without("b")).toBe(map);
  });
});
