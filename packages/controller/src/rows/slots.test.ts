import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Slots } from "./slots.ts";

const size = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 200_000 }));

describe("slots", () => {
  test("keep what is in them while others come and go", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            size,
            fc.nat({ max: 1000 }).map((at) => -at),
          ),
          { maxLength: 300 },
        ),
        (steps) => {
          const slots = new Slots();
          const taken: { handle: number; size: number; mark: number }[] = [];
          for (const [mark, step] of steps.entries()) {
            if (step <= 0) {
              const [gone] = taken.splice(-step % Math.max(1, taken.length), 1);
              if (gone !== undefined) slots.free(gone.handle);
              continue;
            }
            const handle = slots.allocate(step);
            const start = slots.startOf(handle);
            expect(slots.pageOf(handle).length).toBeGreaterThanOrEqual(start + step);
            slots.pageOf(handle).fill(mark, start, start + step);
            taken.push({ handle, size: step, mark });
          }
          for (const { handle, size: bytes, mark } of taken) {
            const start = slots.startOf(handle);
            expect(slots.pageOf(handle).subarray(start, start + bytes)).toEqual(Buffer.alloc(bytes, mark));
          }
        },
      ),
    );
  });

  test("give their memory back, but for a page of each size", () => {
    const slots = new Slots();
    const handles = Array.from({ length: 20_000 }, (_, index) => slots.allocate(index % 2 === 0 ? 40 : 100));
    expect(slots.bytes).toBeGreaterThan(1_400_000);
    for (const handle of handles) slots.free(handle);
    expect(slots.bytes).toBeLessThanOrEqual(2 * 65_536);
    const pages = new Set(Array.from({ length: 20_000 }, () => slots.allocate(40)).map((handle) => handle >>> 13));
    expect([...pages].every((page) => page < 23)).toBe(true);
  });

  test("waste no more than an eighth", () => {
    const slots = new Slots();
    for (const bytes of [65, 129, 200, 1000, 5000, 70_000]) {
      const handle = slots.allocate(bytes);
      expect(slots.suits(handle, bytes)).toBe(true);
      expect(slots.suits(handle, Math.ceil(bytes * 1.13) + 8)).toBe(false);
      expect(slots.suits(handle, Math.floor(bytes / 1.13) - 8)).toBe(false);
    }
  });
});
