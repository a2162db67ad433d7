import { HoldfastError, isHoldfastError } from "@holdfast/core";
import type { Progress } from "../store/coverage.ts";
import { ROLLED_TIERS } from "../store/sum-tiers.ts";
import type { Written } from "./bulk.ts";
import type { Aggregation, SearchAnswer } from "./searching.ts";
import type { SearchServer } from "./server.ts";
import { type StreamPartition, streamNamed, streamsPattern } from "./streams.ts";

export const NOTHING: Written = { kept: 0, refused: 0, reason: undefined };

/** Elasticsearch has had data streams since then; every OpenSearch has. */
const OLDEST_ELASTICSEARCH = [7, 9] as const;

/** Milliseconds for the first request: whether anybody is there is said quickly. */
const FIRST_PATIENCE = 5000;

/** @throws HoldfastError `precondition_failed` */
export async function checkVersion(server: SearchServer): Promise<void> {
  const { version } = await server.ask<{ version?: { number?: string; distribution?: string } }>({
    method: "GET",
    path: "/",
    patience: FIRST_PATIENCE,
  });
  if (version?.number === undefined) {
    throw new HoldfastError(
      "precondition_failed",
      `${server.name} is neither OpenSearch nor Elasticsearch; --opensearch names where one of them is`,
    );
  }
  if (version.distribution === "opensearch") return;
  const [major = 0, minor = 0] = version.number.split(".").map(Number);
  const [oldest, since] = OLDEST_ELASTICSEARCH;
  if (major > oldest || (major === oldest && minor >= since)) return;
  throw new HoldfastError(
    "precondition_failed",
    `${server.name} is Elasticsearch ${version.number}, which has no data streams; it has to be ${oldest}.${since} or newer`,
  );
}

interface StreamList {
  readonly data_streams?: readonly { readonly name: string }[];
}

export async function readStreams(server: SearchServer, prefix: string): Promise<Map<string, StreamPartition>> {
  const path = `/_data_stream/${prefix}-*?filter_path=data_streams.name`;
  const { data_streams: found = [] } = await server
    .ask<StreamList>({ method: "GET", path })
    .catch((error: unknown): StreamList => {
      unlessGone(error);
      return {};
    });
  return new Map(
    found.flatMap(({ name }) => {
      const partition = streamNamed(prefix, name);
      return partition === undefined ? [] : [[name, partition] as const];
    }),
  );
}

/**
 * How far each tier is rolled up, in seconds. The last unit that there is may be in part only, and is done again; of a tier that has none, all is still to be
 * done. Nothing: no window was ever taken.
 */
export async function readProgress(server: SearchServer, prefix: string): Promise<Progress> {
  // Not by their names: of a hundred, these are more than clusters take in the first line of a request.
  const names = streamsPattern(prefix);
  await server.ask({ method: "POST", path: `/${names}/_refresh?ignore_unavailable=true` });
  const edge = (kind: "min" | "max") => ({ [kind]: { field: "@timestamp" } });
  const { aggregations } = await server.ask<SearchAnswer>({
    method: "POST",
    path: `/${names}/_search?ignore_unavailable=true&allow_partial_search_results=false`,
    body: {
      size: 0,
      query: { bool: { must_not: [{ terms: { tier: ["samples", "counts", "drops"] } }] } },
      aggs: { first: edge("min"), tiers: { terms: { field: "tier" }, aggs: { last: edge("max") } } },
    },
  });
  const first = aggregations?.first?.value ?? null;
  if (first === null) return new Map();
  const lasts = new Map(
    (aggregations?.tiers?.buckets ?? []).map(({ key, last }) => [key, (last as Aggregation).value ?? null] as const),
  );
  return new Map(ROLLED_TIERS.map((tier) => [tier, Math.floor((lasts.get(tier) ?? first) / 1000)]));
}

export async function readBytes(server: SearchServer, prefix: string): Promise<number> {
  const path = `/${prefix}-*/_stats/store?filter_path=_all.total.store.size_in_bytes`;
  const told = await server.ask<{ _all?: { total?: { store?: { size_in_bytes?: number } } } }>({ method: "GET", path });
  return told._all?.total?.store?.size_in_bytes ?? 0;
}

/** What is gone already need not be deleted, and has nothing to be read. */
export function unlessGone(error: unknown): void {
  if (!isHoldfastError(error, "not_found")) throw error;
}
