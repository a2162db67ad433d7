import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { whole } from "../rows/codec.ts";
import { record } from "../rows/record-codec.ts";
import { DueQueue } from "./due-queue.ts";

interface Thing {
  readonly number: number;
  readonly name?: string;
}

function queueOf(times: readonly number[]): DueQueue<Thing> {
  const queue = new DueQueue<Thing>(record({ number: whole }));
  for (const time of times) queue.add(time, { number: time });
  return queue;
}

const numbers = (things: readonly Thing[]) => things.map(({ number }) => number);

describe("a queue of what is due", () => {
  test("gives everything in the order of its time, whatever the order it came in", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 })), (times) => {
        const queue = queueOf(times);
        expect(queue.next).toBe(times.length === 0 ? undefined : Math.min(...times));
        const soon = numbers(queue.takeDue(25, Number.POSITIVE_INFINITY));
        const late = numbers(queue.takeDue(50, Number.POSITIVE_INFINITY));
        expect([...soon, ...late]).toEqual(times.toSorted((a, b) => a - b));
        expect(soon.every((time) => time <= 25) && late.every((time) => time > 25)).toBe(true);
      }),
    );
  });

  test("gives no more at once than it is asked for", () => {
    const queue = queueOf([2, 0, 1]);
    expect(numbers(queue.takeDue(10, 2))).toEqual([0, 1]);
    expect(numbers(queue.takeDue(10, 2))).toEqual([2]);
  });

  test("stays in order while things come and go, many and few", () => {
    const step = fc.oneof(
      fc.array(fc.nat({ max: 1000 }), { maxLength: 300, size: "max" }).map((add) => ({ add, take: 0 })),
      fc.nat({ max: 400 }).map((take) => ({ add: [] as number[], take })),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const queue = queueOf([]);
        let model: number[] = [];
        for (const { add, take } of steps) {
          for (const number of add) queue.add(number, { number });
          model = [...model, ...add].toSorted((a, b) => a - b);
          expect(numbers(queue.takeDue(1000, take))).toEqual(model.splice(0, take));
          expect(queue.next).toBe(model[0]);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("gives things back as they were", () => {
    const queue = queueOf([]);
    const thing = { number: 3, name: "without a codec" };
    queue.add(1, thing);
    expect(queue.takeDue(1, 1)).toEqual([thing]);
  });
});
