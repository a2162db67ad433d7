import { flowDropFields } from "@holdfast/model";
import { ASKED_FIELDS, type DropPlan, type Dropped, type DropSum, dropKey } from "../drops/dropped.ts";
import { bucketPages, byField, TOLD_PAGE, timeQuery } from "./composite.ts";
import { type Search, slotHistogram, slotOfBucket, valueIn } from "./searching.ts";

const SUMS = { packets: { sum: { field: "packets" } }, bytes: { sum: { field: "bytes" } } };

export function dropDocument({ at, ...dropped }: Dropped): string {
  return JSON.stringify({ "@timestamp": at, tier: "drops", ...dropped });
}

/** Answers a plan from streams of drops. @throws HoldfastError like the cluster */
export async function askDrops(search: Search, plan: DropPlan): Promise<readonly DropSum[]> {
  const { start, milliseconds, count } = plan.slots;
  const query = timeQuery({ from: start, to: start + milliseconds * count }, plan, ASKED_FIELDS);
  const sources = [
    { slot: { date_histogram: slotHistogram(plan.slots) } },
    ...flowDropFields.map((field) => byField(field)),
  ];
  const found: DropSum[] = [];
  for await (const buckets of bucketPages(search, { query, sources, sums: SUMS, size: TOLD_PAGE })) {
    for (const bucket of buckets) {
      const key = bucket.key as Readonly<Record<string, string | number | null>>;
      const slot = slotOfBucket(plan.slots, Number(key.slot));
      const sums = { packets: valueIn(bucket, "packets"), bytes: valueIn(bucket, "bytes") };
      found.push({ slot, ...dropKey(flowDropFields.map((field) => key[field])), ...sums });
    }
  }
  return found;
}
