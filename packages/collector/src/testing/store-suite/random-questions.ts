import { seededRandom } from "@holdfast/core/testing";
import { expect, test } from "vitest";
import type { SumPlan } from "../../query/plan.ts";
import { planQuestion, withoutName, withTenants } from "../../query/planner.ts";
import type { TierSettings } from "../../store/store.ts";
import { TEN_O_CLOCK } from "../made-traffic.ts";
import { createMemoryStore } from "../memory-store.ts";
import { pick, type Random, randomField, randomFilter, randomWindows } from "../random-traffic.ts";
import type { SuiteStores } from "./parties.ts";

/** Random questions about random traffic, held against the plain store. */
export function randomQuestions({ opening }: SuiteStores, tiers: TierSettings): void {
  test.each([1, 2, 3])("answers any question as the plain one does, seed %i", { timeout: 60_000 }, async (seed) => {
    const random = seededRandom(seed);
    const [store, plain] = [await opening(), createMemoryStore(tiers)];
    for (const window of randomWindows(random, 45)) {
      await store.take(window);
      await plain.take(window);
    }
    for (let count = 0; count < 40; count++) {
      const plan = randomPlan(random);
      expect(await store.sums(plan), JSON.stringify(plan)).toEqual(await plain.sums(plan));
      const [part] = plan.parts;
      const samples = {
        from: TEN_O_CLOCK,
        to: TEN_O_CLOCK + 300_000,
        where: plan.totals[0],
        columns: part?.keys ?? [],
        limit: 20,
      };
      expect(sorted(await store.samples(samples as never))).toEqual(sorted(await plain.samples(samples as never)));
    }
  });
}

function sorted(list: readonly { readonly at: number }[]): readonly unknown[] {
  return [...list].sort((a, b) => b.at - a.at || (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function randomPlan(random: Random): SumPlan {
  const by = Array.from({ length: Math.floor(random() * 4) }, () => randomField(random));
  const tenant = pick(random, [undefined, "shop", "bank"]);
  const { parts, asked } = planQuestion({ by: withTenants(by), filter: randomFilter(random), tenant });
  const milliseconds = pick(random, [10_000, 60_000, 120_000]);
  return {
    slots: {
      start: TEN_O_CLOCK + pick(random, [-60_000, 0, 30_000]),
      milliseconds,
      count: pick(random, [1, 2, 5, 12]),
    },
    parts,
    totals: [asked, withoutName(tenant).part],
    measure: pick(random, ["bytes", "packets"] as const),
    limit: pick(random, [1, 3, 100]),
    ranked: pick(random, ["all", "last"] as const),
  };
}
