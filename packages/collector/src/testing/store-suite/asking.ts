import { parseTrafficFilter, trafficField } from "@holdfast/flow";
import type { SumPlan } from "../../query/plan.ts";
import { planQuestion, withoutName, withTenants } from "../../query/planner.ts";
import type { FlowStore } from "../../store/store.ts";
import { TEN_O_CLOCK } from "../made-traffic.ts";

/** What is asked of a store, as callers say it; absent: the defaults of {@link sumPlan}. */
export interface Asking {
  readonly by?: readonly string[];
  readonly filter?: string;
  readonly tenant?: string;
  readonly limit?: number;
  readonly slots?: SumPlan["slots"];
  readonly ranked?: SumPlan["ranked"];
}

/** One slot of so many minutes, from ten o'clock on. */
export const MINUTES = (count: number) => ({ start: TEN_O_CLOCK, milliseconds: count * 60_000, count: 1 });

/** The plan of sums; of everything in ten minutes when nothing is said. */
export function sumPlan({
  by = [],
  filter = "",
  tenant,
  limit = 10,
  slots = MINUTES(10),
  ranked = "all",
}: Asking): SumPlan {
  const fields = withTenants(by.map((name) => trafficField(name) as NonNullable<ReturnType<typeof trafficField>>));
  const { parts, asked } = planQuestion({ by: fields, filter: parseTrafficFilter(filter), tenant });
  return { slots, parts, totals: [asked, withoutName(tenant).part], measure: "bytes", limit, ranked };
}

/** The plan of samples; of ten seconds when nothing is said. */
export function samplePlan({
  by = [],
  filter = "",
  tenant,
  from = TEN_O_CLOCK,
  to = TEN_O_CLOCK + 10_000,
  limit = 10,
}: Asking & { readonly from?: number; readonly to?: number }) {
  const fields = by.map((name) => trafficField(name) as NonNullable<ReturnType<typeof trafficField>>);
  const { parts, asked } = planQuestion({ by: fields, filter: parseTrafficFilter(filter), tenant });
  return { from, to, where: asked, columns: parts[0]?.keys ?? [], limit };
}

/** Key and bytes of each group. */
export const bytesOf = async (store: FlowStore, asking: Asking): Promise<unknown> =>
  (await store.sums(sumPlan(asking))).groups.map(({ key, slots }) => [...key, ...slots.map(({ bytes }) => bytes)]);
