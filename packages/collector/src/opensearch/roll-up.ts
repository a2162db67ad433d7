import { createHash } from "node:crypto";
import type { Clock } from "@holdfast/core";
import type { RollUp } from "../store/roll-ups.ts";
import { UNITS } from "../store/sum-tiers.ts";
import { type IdentifiedDocument, type Written, writeDocuments } from "./bulk.ts";
import { sumDocument } from "./documents.ts";
import { type Aggregation, type Search, SUM_AGGREGATIONS, sumIn } from "./searching.ts";
import type { SearchServer } from "./server.ts";

export interface RollUpWork {
  readonly rollUp: RollUp;
  /** Of the streams that the finer rows are in. */
  readonly search: Search;
  /** That takes the coarser ones. */
  readonly stream: string;
  readonly signal: AbortSignal;
}

/** Keys are long, and a page is held in memory. */
const PAGE = 4000;
const PATIENCE = 30_000;

/**
 * Adds rows up into coarser ones and writes them, page by page. A row's id says what it is of, so that work which was broken off is simply done again: what is there
 * stays.
 */
export async function writeRollUp(
  dependencies: { readonly clock: Clock; readonly server: SearchServer },
  { rollUp, search, stream, signal }: RollUpWork,
): Promise<Written> {
  const { from, into, start, end } = rollUp;
  const range = { "@timestamp": { gte: start * 1000, lt: end * 1000 } };
  const query = { bool: { filter: [{ term: { tier: from } }, { range }] } };
  const sources = [
    { start: { date_histogram: { field: "@timestamp", fixed_interval: `${UNITS[into.kind]}s` } } },
    { key: { terms: { field: "key" } } },
  ];
  let written: Written = { kept: 0, refused: 0, reason: undefined };
  for (let after: unknown; ; ) {
    const composite = { size: PAGE, sources, ...(after === undefined ? {} : { after }) };
    const aggs = { rows: { composite, aggs: SUM_AGGREGATIONS } };
    const { aggregations } = await search({ size: 0, track_total_hits: false, query, aggs });
    const { buckets = [], after_key } = aggregations?.rows ?? {};
    const documents = buckets.map((bucket) => documentOf(into.kind, bucket));
    const page = await writeDocuments(dependencies, stream, documents, { patience: PATIENCE, signal });
    written = added(written, page);
    if (buckets.length < PAGE || after_key === undefined) return written;
    after = after_key;
  }
}

function documentOf(
  tier: RollUp["into"]["kind"],
  bucket: NonNullable<Aggregation["buckets"]>[number],
): IdentifiedDocument {
  const { start, key } = bucket.key as { readonly start: number; readonly key: string };
  const digest = createHash("sha256").update(key).digest("base64url").slice(0, 22);
  return { id: `${start / 1000}-${digest}`, json: sumDocument(tier, start, key, sumIn(bucket)) };
}

export function added(a: Written, b: Written): Written {
  return { kept: a.kept + b.kept, refused: a.refused + b.refused, reason: a.reason ?? b.reason };
}
