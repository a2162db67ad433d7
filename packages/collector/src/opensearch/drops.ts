import { ASKED_FIELDS, DROP_FIELDS, type DropPlan, type Dropped, type DropSum, dropKey } from "../drops/dropped.ts";
import { allOf } from "./predicate-query.ts";
import { type Search, slotHistogram, slotOfBucket, valueIn } from "./searching.ts";

/** Buckets that one answer has at most. */
const PAGE = 5000;
const SUMS = { packets: { sum: { field: "packets" } }, bytes: { sum: { field: "bytes" } } };

export function dropDocument({ at, ...dropped }: Dropped): string {
  return JSON.stringify({ "@timestamp": at, tier: "drops", ...dropped });
}

/** Answers a plan from streams of drops. @throws HoldfastError like the cluster */
export async function askDrops(search: Search, plan: DropPlan): Promise<readonly DropSum[]> {
  const { start, milliseconds, count } = plan.slots;
  const range = { "@timestamp": { gte: start, lt: start + milliseconds * count } };
  const asked = ASKED_FIELDS.flatMap((field) =>
    plan[field] === undefined ? [] : [{ term: { [field]: plan[field] } }],
  );
  const keys = DROP_FIELDS.map((field) => ({ [field]: { terms: { field, missing_bucket: true } } }));
  const sources = [{ slot: { date_histogram: slotHistogram(plan.slots) } }, ...keys];
  const found: DropSum[] = [];
  for (let after: unknown; ; ) {
    const composite = { size: PAGE, sources, ...(after === undefined ? {} : { after }) };
    const answer = await search({
      size: 0,
      track_total_hits: false,
      query: allOf([{ range }, ...asked]),
      aggs: { drops: { composite, aggs: SUMS } },
    });
    const { buckets = [], after_key } = answer.aggregations?.drops ?? {};
    for (const bucket of buckets) {
      const key = bucket.key as Readonly<Record<string, string | number | null>>;
      const slot = slotOfBucket(plan.slots, Number(key.slot));
      const sums = { packets: valueIn(bucket, "packets"), bytes: valueIn(bucket, "bytes") };
      found.push({ slot, ...dropKey(DROP_FIELDS.map((field) => key[field])), ...sums });
    }
    if (buckets.length < PAGE || after_key === undefined) return found;
    after = after_key;
  }
}
