import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DueQueue } from "./due-queue.ts";

describe("a queue of what is due", () => {
  test("gives everything in the order of its time, whatever the order it came in", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 })), (times) => {
        const queue = new DueQueue<number>();
        for (const time of times) queue.add(time, time);
        expect(queue.next).toBe(times.length === 0 ? undefined : Math.min(...times));
        const soon = queue.takeDue(25, Number.POSITIVE_INFINITY);
        const late = queue.takeDue(50, Number.POSITIVE_INFINITY);
        expect([...soon, ...late]).toEqual(times.toSorted((a, b) => a - b));
        expect(soon.every((time) => time <= 25) && late.every((time) => time > 25)).toBe(true);
      }),
    );
  });

  test("gives no more at once than it is asked for", () => {
    const queue = new DueQueue<string>();
    for (const [index, name] of ["a", "b", "c"].entries()) queue.add(index, name);
    expect(queue.takeDue(10, 2)).toEqual(["a", "b"]);
    expect(queue.takeDue(10, 2)).toEqual(["c"]);
  });
});
