import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OffsetSet } from "./offset-set.ts";
import { SparseBitmap } from "./sparse-bitmap.ts";

describe("a sparse bitmap", () => {
  test("finds the gap after two million neighbours, and the one in their middle", () => {
    const set = new SparseBitmap();
    for (let number = 0; number < 2 ** 21; number++) set.add(number);
    expect(set.nextAbsent(0)).toBe(2 ** 21);
    set.delete(1_234_567);
    expect(set.nextAbsent(0)).toBe(1_234_567);
    expect(set.nextAbsent(1_234_567)).toBe(1_234_567);
    expect(set.nextAbsent(1_234_568)).toBe(2 ** 21);
    expect(set.count(0, 2 ** 21)).toBe(2 ** 21 - 1);
  });

  test("behaves as a set does, at the edges of its chunks too", () => {
    const base = fc.constantFrom(0, 1023, 1024, 31 * 1024, 2 ** 20, 2 ** 30, 2 ** 50 - 2000);
    const number = fc.tuple(base, fc.nat({ max: 70 })).map(([start, off]) => start + off);
    const action = fc.tuple(fc.constantFrom("add", "add", "add", "delete"), number);
    fc.assert(
      fc.property(fc.array(action, { maxLength: 300, size: "max" }), number, number, (actions, from, to) => {
        const set = new SparseBitmap();
        const model = new Set<number>();
        for (const [kind, value] of actions) {
          if (kind === "add") expect(set.add(value)).toBe(!model.has(value) && model.add(value) !== undefined);
          else expect(set.delete(value)).toBe(model.delete(value));
          expect(set.has(value)).toBe(model.has(value));
        }
        expect([...set.values()].sort((a, b) => a - b)).toEqual([...model].sort((a, b) => a - b));
        let absent = from;
        while (model.has(absent)) absent++;
        expect(set.nextAbsent(from)).toBe(absent);
        expect(set.count(from, to)).toBe([...model].filter((value) => from <= value && value <= to).length);
      }),
    );
  });
});

describe("an offset set", () => {
  test("covers the whole of v6, across the edges of its bitmaps", () => {
    const set = new OffsetSet();
    const edge = 1n << 50n;
    for (let offset = edge - 3000n; offset < edge + 3000n; offset++) set.add(offset);
    set.add((1n << 120n) + 5n);
    expect(set.nextAbsent(edge - 3000n)).toBe(edge + 3000n);
    expect(set.nextAbsent((1n << 120n) + 5n)).toBe((1n << 120n) + 6n);
    expect(set.nextAbsent(1n << 100n)).toBe(1n << 100n);
    expect(set.count(edge - 10n, edge + 9n)).toBe(20);
    expect(set.count(0n, 1n << 121n)).toBe(6001);
    expect([set.delete(edge), set.delete(edge), set.has(edge), set.nextAbsent(edge - 1n)]).toEqual([
      true,
      false,
      false,
      edge,
    ]);
  });
});
