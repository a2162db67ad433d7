import { describe, expect, test } from "vitest";
import { AMBIGUOUS, ANY, createTenures, NOBODY, type Tenures } from "./tenures.ts";

const key = (number: number): Uint32Array => Uint32Array.of(1, number);
const of = (owner: number, network = 0) => ({ owner, node: 0, network });
const find = (tenures: Tenures, number: number, time: number): number =>
  tenures.find(tenures.keyOf(key(number)), time, ANY, ANY);

describe("tenures", () => {
  test("that are told of in any order are found by their times", () => {
    const tenures = createTenures(2);
    for (const [owner, from] of [
      [2, 2000],
      [1, 1000],
      [3, 3000],
    ] as const)
      tenures.begin(key(7), of(owner), from);
    expect([999, 1000, 2500, 3000].map((time) => find(tenures, 7, time))).toEqual([NOBODY, 1, 2, 3]);
  });

  test("that are told of again with another time have that", () => {
    const tenures = createTenures(2);
    tenures.begin(key(7), of(1), 1000);
    tenures.begin(key(7), of(1), 500);
    tenures.end(key(7), of(1), 2000);
    expect([600, 1999, 2000].map((time) => find(tenures, 7, time))).toEqual([1, 1, NOBODY]);
    tenures.begin(key(7), of(1), 3000);
    expect([1500, 2500, 3500].map((time) => find(tenures, 7, time))).toEqual([1, NOBODY, 1]);
  });

  test("of two networks at once are nobody's in particular", () => {
    const tenures = createTenures(2);
    tenures.begin(key(7), of(1, 1), 1000);
    tenures.begin(key(7), of(2, 2), 2000);
    expect([1500, 2500].map((time) => find(tenures, 7, time))).toEqual([1, AMBIGUOUS]);
    expect([1, 2, 3].map((network) => tenures.find(tenures.keyOf(key(7)), 2500, ANY, network))).toEqual([1, 2, NOBODY]);
  });

  test("that end without having begun are nothing", () => {
    const tenures = createTenures(2);
    tenures.end(key(7), of(1), 1000);
    expect(tenures.size).toBe(0);
  });

  test("of thousands of keys that nobody asks about any more give their memory back, and the others stay", () => {
    const tenures = createTenures(2);
    for (let round = 0; round < 4; round++) {
      for (let number = 0; number < 5000; number++) {
        const own = key(round * 5000 + number);
        tenures.begin(own, of(number), round * 100);
        if (number % 10 !== 0) tenures.end(own, of(number), round * 100 + 10);
      }
      tenures.forget(round * 100 + 50);
      expect(tenures.size).toBe((round + 1) * 500);
    }
    expect(find(tenures, 10, 50)).toBe(10);
    expect(find(tenures, 15_010, 301)).toBe(10);
    expect(find(tenures, 11, 5)).toBe(NOBODY);
  });
});
