import { describe, expect, test } from "vitest";
import { sampled, TEN_O_CLOCK, traffic, windowOf } from "../made-traffic.ts";
import { MINUTES, samplePlan, sumPlan } from "./asking.ts";
import { api, redis, type SuiteStores } from "./parties.ts";

const HOUR = 3_600_000;

/** What roll-ups and retention must not change, and what they take away. */
export function timeSuite({ opening }: SuiteStores): void {
  describe("as time goes on", () => {
    test("hours of windows are the same sums as at once, and ranges begin and end where they did", async () => {
      const store = await opening();
      for (let index = 0; index < 400; index++) {
        await store.take(windowOf(TEN_O_CLOCK + index * 10_000, [traffic(api, redis, { bytes: index })]));
      }
      const slots = { start: TEN_O_CLOCK + 3_470_000, milliseconds: 130_000, count: 2 };
      // Windows 347 to 359 and 360 to 372.
      const answer = await store.sums(sumPlan({ by: ["source.identity"], slots }));
      expect(answer.groups.map(({ slots: of }) => of.map(({ bytes }) => bytes))).toEqual([[4589, 4758]]);
    });

    test("a window that comes in two parts is whole, also when its minute is over by then", async () => {
      const store = await opening();
      for (const second of [50, 50, 60, 70]) {
        await store.take(windowOf(TEN_O_CLOCK + second * 1000, [traffic(api, redis)]));
      }
      const answer = await store.sums(sumPlan({ slots: MINUTES(1) }));
      expect(answer.totals[0]?.[0]?.bytes).toBe(2000);
    });

    test("what is older than every retention is gone, and what is younger is there", async () => {
      const store = await opening();
      const days = (count: number): number => TEN_O_CLOCK + count * 24 * HOUR;
      await store.take(windowOf(days(0), [traffic(api, redis)], [sampled(traffic(api, redis), days(0))]));
      await store.take(windowOf(days(9), [traffic(api, redis, { bytes: 5 })]));
      await store.take(windowOf(days(60), [traffic(api, redis, { bytes: 3 })]));
      const span = (from: number, count: number) => ({ start: days(from), milliseconds: 24 * HOUR * count, count: 1 });
      const total = async (from: number, count: number) =>
        (await store.sums(sumPlan({ slots: span(from, count) }))).totals[0]?.[0]?.bytes;
      expect([await total(0, 1), await total(60, 1)]).toEqual([0, 3]);
      expect(await store.samples(samplePlan({ from: days(0), to: days(60) }))).toEqual([]);
    });
  });
}
