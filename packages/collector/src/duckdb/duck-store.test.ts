import { silentLogger, systemClock } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import type { SumPlan } from "../query/plan.ts";
import { TEN_O_CLOCK, windowOf } from "../testing/made-traffic.ts";
import { flowStoreSuite, SUITE_TIERS } from "../testing/store-suite/store-suite.ts";
import { openDuckStore } from "./duck-store.ts";

describe("the DuckDB store", () => {
  flowStoreSuite(() =>
    openDuckStore(
      { clock: systemClock, logger: silentLogger },
      { path: ":memory:", memoryMib: 256, tiers: SUITE_TIERS },
    ),
  );

  describe("asked the same again and again", () => {
    flowStoreSuite(async () => {
      const store = await openDuckStore(
        { clock: systemClock, logger: silentLogger },
        { path: ":memory:", memoryMib: 256, tiers: SUITE_TIERS },
      );
      // As of the second time, what is rolled up is merged; as of the third, it is there already.
      const again = async (plan: SumPlan) => {
        const [first, ...others] = [await store.sums(plan), await store.sums(plan), await store.sums(plan)];
        for (const one of others) expect(one).toEqual(first);
        return first;
      };
      return { ...store, sums: again };
    });
  });

  test("counts a window that it does not take as lost, unless a stream gives it again", async () => {
    const parts = { clock: systemClock, logger: silentLogger };
    const store = await openDuckStore(parts, { path: ":memory:", memoryMib: 64, tiers: SUITE_TIERS });
    await store.close();
    const window = windowOf(TEN_O_CLOCK, []);
    await expect(store.take(window)).rejects.toThrow("closed");
    await expect(store.take({ ...window, origin: { stream: "s", number: 1, checkpoint: "{}" } })).rejects.toThrow();
    expect(store.state().lost.windows).toBe(1);
  });
});
