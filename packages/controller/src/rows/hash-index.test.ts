import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HashIndex } from "./hash-index.ts";

/** Few hashes, so that many collide, some at the end of the places, where probing goes round. */
const hash = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom(0xffffffff, 0xfffffffe, 0x7fffffff, 7, 15, 31));
const step = fc.record({ add: fc.boolean(), hash, handle: fc.nat({ max: 60 }) });

function everything(index: HashIndex): number[] {
  return [...index.pieces()].flatMap((piece) => [...piece]).sort((a, b) => a - b);
}

describe("a hash index", () => {
  test("finds what a set would have", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
        const index = new HashIndex();
        const model = new Map<number, number>();
        for (const { add, hash: wanted, handle } of steps) {
          if (!add) {
            index.delete(wanted, handle);
            if (model.get(handle) === wanted) model.delete(handle);
          } else if (!model.has(handle)) {
            index.add(wanted, handle);
            model.set(handle, wanted);
          }
        }
        expect(index.size).toBe(model.size);
        expect(everything(index)).toEqual([...model.keys()].sort((a, b) => a - b));
        for (const [handle, its] of model) expect(index.find(its, (found) => found === handle)).toBe(handle);
        expect(index.find(99, () => true)).toBeUndefined();
      }),
    );
  });

  test("grows over its segments and shrinks again", () => {
    const index = new HashIndex();
    const hashOfNumber = (number: number): number => Math.imul(number, 0x9e3779b1) >>> 0;
    for (let number = 0; number < 50_000; number++) index.add(hashOfNumber(number), number);
    for (let number = 0; number < 50_000; number++) {
      if (index.find(hashOfNumber(number), (found) => found === number) !== number) expect.unreachable();
    }
    for (let number = 0; number < 49_990; number++) index.delete(hashOfNumber(number), number);
    expect(everything(index)).toEqual(Array.from({ length: 10 }, (_, at) => 49_990 + at));
  });
});
