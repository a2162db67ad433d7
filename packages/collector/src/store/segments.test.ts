import { describe, expect, test } from "vitest";
import type { Coverage } from "./coverage.ts";
import { type Segment, segmentsOf } from "./segments.ts";

const HOUR = 3600;
const T = 1_795_132_800;

/** All rows since {@link T}, rolled up until 10 hours, 34 minutes and 50 seconds later. */
const ALL: Coverage = {
  from: { fine: T, minute: T, tens: T, hour: T },
  until: { minute: T + 10 * HOUR + 34 * 60, tens: T + 10 * HOUR + 30 * 60, hour: T + 10 * HOUR },
};

/** `"fine 60-120"`: seconds after {@link T}. */
const shown = (segments: readonly Segment[]): readonly string[] =>
  segments.map(({ tier, from, to }) => `${tier} ${from - T}-${to - T}`);

const slots = (from: number, seconds: number, count = 1) => ({
  start: (T + from) * 1000,
  milliseconds: seconds * 1000,
  count,
});

describe("segmentsOf", () => {
  test("reads what is whole from the coarsest, edges from finer ones, and what is not rolled up as it came", () => {
    expect(shown(segmentsOf(slots(1790, 10 * HOUR + 300), ALL))).toEqual([
      "fine 1790-1800",
      "tens 1800-3600",
      "hour 3600-36000",
      "tens 36000-37800",
      "minute 37800-38040",
      "fine 38040-38090",
    ]);
  });

  test("a row that would lie in two slots is read more finely", () => {
    expect(shown(segmentsOf(slots(3570, 130, 2), ALL))).toEqual([
      "fine 3570-3600",
      "minute 3600-3660",
      "fine 3660-3700",
      "fine 3700-3720",
      "minute 3720-3780",
      "fine 3780-3830",
    ]);
    expect(shown(segmentsOf(slots(3570, 30, 20), ALL))).toEqual(["fine 3570-4170"]);
    expect(shown(segmentsOf(slots(3600, 60, 20), ALL))).toEqual(["minute 3600-4800"]);
  });

  test("what finer rows do not have any more comes from coarser ones, sharp or not", () => {
    const from = { fine: T + 8 * HOUR, minute: T + 4 * HOUR, tens: T + 4 * HOUR, hour: T };
    expect(shown(segmentsOf(slots(1790, 9 * HOUR), { ...ALL, from }))).toEqual([
      "hour 1790-14400",
      "hour 14400-32400",
      "tens 32400-33600",
      "minute 33600-34140",
      "fine 34140-34190",
    ]);
    expect(shown(segmentsOf(slots(5 * HOUR + 10, 20), { ...ALL, from }))).toEqual(["minute 18010-18030"]);
  });

  test("of what there never was, nothing finer is read than the coarsest", () => {
    const nothing = {
      from: { fine: Infinity, minute: Infinity, tens: Infinity, hour: Infinity },
      until: { minute: 0, tens: 0, hour: 0 },
    };
    expect(shown(segmentsOf(slots(0, 60), nothing))).toEqual(["hour 0-60"]);
  });
});
