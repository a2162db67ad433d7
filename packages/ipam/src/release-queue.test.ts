import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReleaseQueue } from "./release-queue.ts";

/** Clocks of several controllers, and clocks that were set back: times come in any order. */
const programs = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("toggle" as const), offset: fc.nat(40), at: fc.nat(100) }),
    fc.record({ kind: fc.constant("flood" as const), from: fc.nat(500), at: fc.nat(100) }),
    fc.record({ kind: fc.constant("advance" as const), to: fc.nat(100) }),
  ),
  { maxLength: 60 },
);

interface Release {
  readonly offset: bigint;
  readonly cooledAt: number;
}

describe("a queue of released offsets", () => {
  test("is in order of time, and of arrival at the same time, however late releases come", () => {
    fc.assert(
      fc.property(programs, (program) => {
        const queue = new ReleaseQueue();
        const model: Release[] = [];
        let now = 0;
        const add = (offset: bigint, cooledAt: number): void => {
          queue.add(offset, cooledAt);
          const place = model.findIndex((other) => other.cooledAt > cooledAt);
          model.splice(place < 0 ? model.length : place, 0, { offset, cooledAt });
        };
        for (const step of program) {
          if (step.kind === "toggle") {
            const offset = BigInt(step.offset);
            const present = model.findIndex((one) => one.offset === offset);
            if (present < 0) add(offset, step.at);
            else {
              queue.delete(offset);
              model.splice(present, 1);
            }
          } else if (step.kind === "flood") {
            for (let count = 0; count < 100; count++) {
              const offset = BigInt(1000 + step.from + count);
              if (!queue.has(offset)) add(offset, (step.at + count * 37) % 100);
            }
          } else {
            now = Math.max(now, step.to);
          }
          queue.advance(now);
          const cooled = model.filter(({ cooledAt }) => cooledAt <= now);
          expect({ cooled: queue.cooled, cooling: queue.cooling }).toEqual({
            cooled: cooled.length,
            cooling: model.length - cooled.length,
          });
          expect(queue.oldest()?.offset).toBe(model[0]?.offset);
        }
        expect([...queue.releases()].map(({ offset, cooledAt }) => ({ offset, cooledAt }))).toEqual(model);
      }),
    );
  });

  test("notices what came late behind a later one that was taken out", () => {
    const queue = new ReleaseQueue();
    queue.add(27n, 1);
    queue.delete(27n);
    expect(queue.oldest()).toBeUndefined();
    queue.add(0n, 0);
    queue.advance(0);
    expect(queue.cooled).toBe(1);
  });

  test("of many takes in one that comes late without sorting all", () => {
    const queue = new ReleaseQueue();
    for (let offset = 0n; offset < 50_000n; offset++) queue.add(offset, Number(offset));
    const begun = performance.now();
    for (let offset = 50_000n; offset < 70_000n; offset++) {
      queue.add(offset, Number(offset) - 50 * Number(offset % 2n));
      queue.advance(0);
    }
    // Sorting each time takes a minute; this takes some 20 ms.
    expect(performance.now() - begun).toBeLessThan(5000);
  });
});
