import type { InterfaceAmounts } from "@holdfast/flow";
import { AMOUNTS, ASKED_OF_PORTS, type CountedPort, type CountPlan, countedPort, WAYS } from "../counters/counted.ts";
import { bucketPages, byField, TOLD_PAGE, timeQuery } from "./composite.ts";
import type { Aggregation, Search } from "./searching.ts";

/** Fields that tell ports apart, by the names of the documents. */
const KEYS = ["endpoint", "tenant", "network", "identity", "node", "exporter", "ifIndex", "port"] as const;

export function countDocument({ owner, until, ...counted }: CountedPort): string {
  return JSON.stringify({ "@timestamp": until, tier: "counts", ...owner, ...counted });
}

/** Answers a plan from streams of counts. @throws HoldfastError like the cluster */
export async function askCounts(search: Search, plan: CountPlan): Promise<readonly CountedPort[]> {
  const query = timeQuery(plan, plan, ASKED_OF_PORTS);
  const sources = KEYS.map((key) => byField(key));
  const found: CountedPort[] = [];
  for await (const buckets of bucketPages(search, { query, sources, sums: SUMS, size: TOLD_PAGE }))
    for (const bucket of buckets) found.push(portOf(bucket));
  return found;
}

/** How many there are tells what is 0 from what was not told. */
const SUMS = {
  since: { min: { field: "since" } },
  until: { max: { field: "@timestamp" } },
  ...Object.fromEntries(
    WAYS.flatMap((way) => AMOUNTS.map((what) => [`${way}_${what}`, { stats: { field: `${way}.${what}` } }] as const)),
  ),
};

function portOf(bucket: Readonly<Record<string, unknown>>): CountedPort {
  const timeOf = (name: string): number => (bucket[name] as Aggregation).value ?? 0;
  const amountsOf = (way: string): InterfaceAmounts =>
    Object.fromEntries(
      AMOUNTS.flatMap((what) => {
        const { count, sum } = bucket[`${way}_${what}`] as { readonly count: number; readonly sum: number };
        return count === 0 ? [] : [[what, sum]];
      }),
    );
  return countedPort(bucket.key as Parameters<typeof countedPort>[0], {
    since: timeOf("since"),
    until: timeOf("until"),
    egress: amountsOf("egress"),
    ingress: amountsOf("ingress"),
  });
}
