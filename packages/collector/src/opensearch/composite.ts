import { allOf, type Query } from "./predicate-query.ts";
import type { Bucket, Search } from "./searching.ts";

export interface CompositeQuestion {
  /** Of rows. */
  readonly query: Query;
  /** What tells buckets apart. */
  readonly sources: readonly object[];
  /** What is added up of each. */
  readonly sums: object;
  /** Buckets that one answer has at most. */
  readonly size: number;
}

/** All buckets, exactly: page by page, in the order of their keys. @throws HoldfastError like the cluster */
export async function* bucketPages(
  search: Search,
  { query, sources, sums, size }: CompositeQuestion,
): AsyncGenerator<readonly Bucket[], void> {
  for (let after: unknown; ; ) {
    const composite = { size, sources, ...(after === undefined ? {} : { after }) };
    const aggs = { groups: { composite, aggs: sums } };
    const { aggregations } = await search({ size: 0, track_total_hits: false, query, aggs });
    const { buckets = [], after_key } = aggregations?.groups ?? {};
    yield buckets;
    if (buckets.length < size || after_key === undefined) return;
    after = after_key;
  }
}

/** Buckets of one answer about what is told exactly: each has more in it than one of traffic. */
export const TOLD_PAGE = 5000;

/** Rows of a time, in milliseconds, that have what a plan names of these fields. */
export function timeQuery<F extends string>(
  { from, to }: { readonly from: number; readonly to: number },
  plan: Readonly<Partial<Record<F, unknown>>>,
  fields: readonly F[],
): Query {
  const range = { "@timestamp": { gte: from, lt: to } };
  const asked = fields.flatMap((field) => (plan[field] === undefined ? [] : [{ term: { [field]: plan[field] } }]));
  return allOf([{ range }, ...asked]);
}

/** Tells buckets apart by a field, one without it included. */
export function byField(name: string, field = name): object {
  return { [name]: { terms: { field, missing_bucket: true } } };
}
