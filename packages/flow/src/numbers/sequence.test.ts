import { describe, expect, test } from "vitest";
import { createSequenceTracker, signedDistance } from "./sequence.ts";

/** Arrivals of numbers, a second apart unless told otherwise, and what was counted in the end. */
function follow(...arrivals: readonly (number | readonly [sequence: number, uptimeMs: number])[]) {
  const tracker = createSequenceTracker();
  const told = arrivals.map((arrival, index) =>
    typeof arrival === "number" ? tracker.observe(arrival, 100_000 + index) : tracker.observe(...arrival),
  );
  return { told: told.join(" "), ...tracker.counts };
}

describe("datagrams of an exporter", () => {
  test.each([
    { name: "in order", given: [7, 8, 9], told: "first next next", lost: 0 },
    { name: "some of which are missing", given: [7, 8, 12, 14], told: "first next next next", lost: 4 },
    { name: "over the end of 32 bits", given: [0xffff_fffe, 0xffff_ffff, 1], told: "first next next", lost: 1 },
    { name: "one of which is overtaken", given: [7, 9, 8, 10], told: "first next late next", lost: 0, late: 1 },
    {
      name: "several of which are overtaken",
      given: [7, 12, 9, 8, 11],
      told: "first next late late late",
      lost: 1,
      late: 3,
    },
    {
      name: "one of which comes twice",
      given: [7, 8, 8, 7, 9],
      told: "first next again again next",
      lost: 0,
      again: 2,
    },
    {
      name: "one of which comes late and then twice",
      given: [7, 9, 8, 8],
      told: "first next late again",
      lost: 0,
      late: 1,
      again: 1,
    },
    {
      name: "that were sent before the first one that came",
      given: [7, 6, 8],
      told: "first late next",
      lost: 0,
      late: 1,
    },
  ])("$name", ({ given, told, lost, late = 0, again = 0 }) => {
    expect(follow(...given)).toEqual({ told, lost, late, again, restarts: 0, received: given.length });
  });

  test.each([
    {
      name: "begins at 1 with a new uptime",
      given: [
        [5000, 900_000],
        [1, 200],
      ],
      lost: 0,
    },
    {
      name: "comes to a higher number in its new life before it is heard of",
      given: [
        [5, 900_000],
        [40, 30_000],
      ],
      lost: 0,
    },
    {
      name: "sets its numbers back while it runs",
      given: [
        [5000, 900_000],
        [1, 900_100],
      ],
      lost: 0,
    },
    {
      name: "was away for very long",
      given: [
        [5000, 900_000],
        [9_000_000, 950_000],
      ],
      lost: 0,
    },
  ] as const)("a restart is no loss: one that $name", ({ given, lost }) => {
    expect(follow(...given)).toMatchObject({ told: "first restart", lost, restarts: 1 });
  });

  test("after a restart losses are counted as before", () => {
    const given = [
      [50, 900_000],
      [52, 900_100],
      [1, 10],
      [2, 20],
      [4, 30],
    ] as const;
    expect(follow(...given)).toMatchObject({ told: "first next restart next next", lost: 2, restarts: 1 });
  });

  test("an uptime that wraps after 49.7 days is no restart", () => {
    expect(follow([1, 0xffff_ff00], [2, 50])).toMatchObject({ told: "first next", restarts: 0 });
  });
});

test("the distance between numbers of 32 bits is the shorter way around", () => {
  expect([
    signedDistance(5, 7),
    signedDistance(7, 5),
    signedDistance(0xffff_ffff, 1),
    signedDistance(1, 0xffff_ffff),
  ]).toEqual([2, -2, 2, -2]);
});
