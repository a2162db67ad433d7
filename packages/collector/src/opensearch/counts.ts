import type { InterfaceAmounts } from "@holdfast/flow";
import { AMOUNTS, type CountedPort, type CountPlan, OWNER_FIELDS } from "../counters/counted.ts";
import { allOf } from "./predicate-query.ts";
import type { Aggregation, Search } from "./searching.ts";

/** Fields that tell ports apart, by the names of the documents. */
const KEYS = ["endpoint", "tenant", "network", "identity", "node", "exporter", "ifIndex", "port"] as const;
const WAYS = ["egress", "ingress"] as const;
/** Buckets that one answer has at most. */
const PAGE = 5000;

export function countDocument({ owner, until, ...counted }: CountedPort): string {
  return JSON.stringify({ "@timestamp": until, tier: "counts", ...owner, ...counted });
}

/** Answers a plan from streams of counts. @throws HoldfastError like the cluster */
export async function askCounts(search: Search, plan: CountPlan): Promise<readonly CountedPort[]> {
  const found: CountedPort[] = [];
  const range = { "@timestamp": { gte: plan.from, lt: plan.to } };
  const asked = [...OWNER_FIELDS, "node" as const].flatMap((field) =>
    plan[field] === undefined ? [] : [{ term: { [field]: plan[field] } }],
  );
  const sources = KEYS.map((key) => ({ [key]: { terms: { field: key, missing_bucket: true } } }));
  for (let after: unknown; ; ) {
    const composite = { size: PAGE, sources, ...(after === undefined ? {} : { after }) };
    const answer = await search({
      size: 0,
      track_total_hits: false,
      query: allOf([{ range }, ...asked]),
      aggs: { ports: { composite, aggs: SUMS } },
    });
    const { buckets = [], after_key } = answer.aggregations?.ports ?? {};
    for (const bucket of buckets) found.push(countedPort(bucket));
    if (buckets.length < PAGE || after_key === undefined) return found;
    after = after_key;
  }
}

/** How many there are tells what is 0 from what was not told. */
const SUMS = {
  since: { min: { field: "since" } },
  until: { max: { field: "@timestamp" } },
  ...Object.fromEntries(
    WAYS.flatMap((way) => AMOUNTS.map((what) => [`${way}_${what}`, { stats: { field: `${way}.${what}` } }] as const)),
  ),
};

function countedPort(bucket: Readonly<Record<string, unknown>>): CountedPort {
  const { endpoint, tenant, network, identity, ...key } = bucket.key as Readonly<Record<string, string | null>>;
  const owner = { endpoint, tenant, network, identity } as NonNullable<CountedPort["owner"]>;
  const timeOf = (name: string): number => (bucket[name] as Aggregation).value ?? 0;
  const amountsOf = (way: string): InterfaceAmounts =>
    Object.fromEntries(
      AMOUNTS.flatMap((what) => {
        const { count, sum } = bucket[`${way}_${what}`] as { readonly count: number; readonly sum: number };
        return count === 0 ? [] : [[what, sum]];
      }),
    );
  return {
    ...(endpoint === null ? {} : { owner }),
    ...(key.node === null ? {} : { node: String(key.node) }),
    exporter: String(key.exporter),
    ifIndex: Number(key.ifIndex),
    ...(key.port === null ? {} : { port: String(key.port) }),
    since: timeOf("since"),
    until: timeOf("until"),
    egress: amountsOf("egress"),
    ingress: amountsOf("ingress"),
  };
}
