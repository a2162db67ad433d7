import { HoldfastError } from "@holdfast/core";
import type { KeyValue, Slots, Sum } from "../query/plan.ts";
import { addressOfBits } from "../store/address-bits.ts";
import { bucketPages, byField } from "./composite.ts";
import { SUM_FIELDS } from "./documents.ts";
import type { CaseKey, GroupCase } from "./group-cases.ts";
import { allOf, fieldOf, isAddress, predicateQuery, type Query } from "./predicate-query.ts";

/** Asks one search of the data streams, and rows, that a question is about. */
export type Search = (body: object) => Promise<SearchAnswer>;

export interface SearchAnswer {
  readonly timed_out: boolean;
  readonly hits: {
    readonly total?: { readonly value: number };
    readonly hits: readonly { readonly _source: unknown }[];
  };
  readonly aggregations?: Readonly<Record<string, Aggregation>>;
}

/** What an aggregation tells, whichever it is. */
export interface Aggregation {
  readonly value?: number | null;
  readonly doc_count?: number;
  readonly after_key?: Readonly<Record<string, unknown>>;
  readonly buckets?: readonly Bucket[];
  readonly [name: string]: unknown;
}

export type Bucket = Readonly<Record<string, unknown>> & { readonly key: unknown };

/** Sums of a bucket, to be asked for together with it. */
export const SUM_AGGREGATIONS = Object.fromEntries(SUM_FIELDS.map((field) => [field, { sum: { field } }]));

export function sumIn(from: Readonly<Record<string, unknown>>): Sum {
  const [packets = 0, bytes = 0, samples = 0, exact = 0] = SUM_FIELDS.map((field) => valueIn(from, field));
  return { packets, bytes, samples, exact };
}

export function valueIn(from: Readonly<Record<string, unknown>>, name: string): number {
  return (from[name] as Aggregation | undefined)?.value ?? 0;
}

/** A bucket of the cluster holds a slot. */
export function slotHistogram({ start, milliseconds }: Slots): object {
  const offset = ((start % milliseconds) + milliseconds) % milliseconds;
  return { field: "@timestamp", fixed_interval: `${milliseconds}ms`, offset: `+${offset}ms` };
}

export function slotOfBucket({ start, milliseconds }: Slots, key: number): number {
  return Math.round((key - start) / milliseconds);
}

export interface GroupingOptions {
  /** Groups are told slot by slot. Absent: over all of them. */
  readonly slots?: Slots;
  /** What is added up of each group. */
  readonly sums: object;
  /** Of rows, beside what the case says. */
  readonly only?: Query;
}

/** What a group has: its key, the slot if they are told by it, and the sums that were asked for. */
export type TellGroup = (key: readonly KeyValue[], slot: number, sums: Readonly<Record<string, unknown>>) => void;

/** Buckets that one answer has at most. */
const PAGE = 10_000;
/** Groups are held in memory until the question is answered. */
export const MOST_GROUPS = 500_000;

/**
 * Tells all groups of a case, exactly: page by page, in the order of their keys, because a cluster's own "most first" is a guess where data is in several places.
 *
 * @throws HoldfastError `too_large`
 */
export async function eachGroup(
  search: Search,
  { where, keys }: GroupCase,
  { slots, sums, only }: GroupingOptions,
  tell: TellGroup,
): Promise<void> {
  const query = allOf([predicateQuery(where), ...(only === undefined ? [] : [only])]);
  if ("match_none" in query) return;
  const sources = sourcesOf(keys, slots);
  if (sources.length === 0) return tellWhole(search, { query, keys, sums }, tell);
  let count = 0;
  for await (const buckets of bucketPages(search, { query, sources, sums, size: PAGE })) {
    for (const bucket of buckets) {
      const values = bucket.key as Readonly<Record<string, unknown>>;
      const slot = slots === undefined ? 0 : slotOfBucket(slots, values.slot as number);
      tell(keyOf(keys, values), slot, bucket);
    }
    count += buckets.length;
    if (count > MOST_GROUPS) throw tooMany();
  }
}

/** All rows are one group. */
async function tellWhole(
  search: Search,
  { query, keys, sums }: { readonly query: Query; readonly keys: readonly CaseKey[]; readonly sums: object },
  tell: TellGroup,
): Promise<void> {
  const { hits, aggregations = {} } = await search({ size: 0, track_total_hits: 1, query, aggs: sums });
  if ((hits.total?.value ?? 0) > 0) tell(keyOf(keys, {}), 0, aggregations);
}

function sourcesOf(keys: readonly CaseKey[], slots: Slots | undefined): readonly object[] {
  const fields = keys.flatMap((key, index) =>
    key.kind === "field" ? [byField(`k${index}`, fieldOf(key.column))] : [],
  );
  return slots === undefined ? fields : [{ slot: { date_histogram: slotHistogram(slots) } }, ...fields];
}

function keyOf(keys: readonly CaseKey[], values: Readonly<Record<string, unknown>>): readonly KeyValue[] {
  return keys.map((key, index) => {
    if (key.kind === "constant") return key.value;
    const value = (values[`k${index}`] ?? null) as KeyValue;
    return isAddress(key.column) && typeof value === "string" ? addressOfBits(value) : value;
  });
}

function tooMany(): HoldfastError {
  const message = `the question has more than ${MOST_GROUPS} groups; ask by fewer fields, or filter`;
  return new HoldfastError("too_large", message, { retryable: false });
}
