import { addTo, type Group, noSum, type Sum, type SumAnswer, type SumPlan } from "./plan.ts";

/** Nothing, as a plan asks for it. */
export function emptyAnswer(plan: SumPlan): { -readonly [K in keyof SumAnswer]: SumAnswer[K] } {
  return { groups: [], other: { groups: 0, slots: slotsOf(plan) }, totals: plan.totals.map(() => slotsOf(plan)) };
}

/** What all have without those that are told. */
export function restOf(all: readonly Sum[], told: readonly Group[]): readonly Sum[] {
  return all.map((sum, slot) => {
    const rest = { ...sum };
    for (const { slots } of told) {
      const { packets, bytes, samples, exact } = slots[slot] ?? noSum();
      addTo(rest, { packets: -packets, bytes: -bytes, samples: -samples, exact: -exact });
    }
    // What rounding leaves is nothing.
    return rest.samples <= 0 ? noSum() : rest;
  });
}

/** A sum for each slot of a plan. */
export function slotsOf({ slots }: SumPlan): Sum[] {
  return Array.from({ length: slots.count }, noSum);
}
