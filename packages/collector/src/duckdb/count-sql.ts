import type { InterfaceAmounts } from "@holdfast/flow";
import { AMOUNTS, type CountedPort, type CountPlan, OWNER_FIELDS } from "../counters/counted.ts";
import type { Cell } from "./database.ts";
import { textSql } from "./predicate-sql.ts";

const KEYS = ["endpoint", "tenant", "network", "identity", "node", "exporter", "ifindex", "port"] as const;
const WAYS = ["egress", "ingress"] as const;
const SUMS = WAYS.flatMap((way) => AMOUNTS.map((what) => `${way}_${what}`));

/** In the order of the table. */
export function countCells({ owner, node, exporter, ifIndex, port, since, until, ...ways }: CountedPort): Cell[] {
  const { endpoint = null, tenant = null, network = null, identity = null } = owner ?? {};
  const amounts = WAYS.flatMap((way) => AMOUNTS.map((what) => ways[way][what] ?? null));
  return [until, since, endpoint, tenant, network, identity, node ?? null, exporter, ifIndex, port ?? null, ...amounts];
}

/** The statement that answers a plan; {@link countedPort} reads its rows. */
export function countSql(plan: CountPlan, tables: readonly string[]): string {
  const asked = [...OWNER_FIELDS, "node" as const].flatMap((field) => {
    const wanted = plan[field];
    return wanted === undefined ? [] : [`${field} = ${textSql(wanted)}`];
  });
  const where = [`moment >= ${plan.from}`, `moment < ${plan.to}`, ...asked].join(" AND ");
  const rows = tables.map((table) => `FROM ${table} WHERE ${where}`).join(" UNION ALL ");
  const sums = SUMS.map((name) => `sum(${name})`);
  return `SELECT ${[...KEYS, "min(since)", "max(moment)", ...sums].join(", ")} FROM (${rows}) GROUP BY ${KEYS.join(", ")}`;
}

export function countedPort(cells: readonly Cell[]): CountedPort {
  const [endpoint, tenant, network, identity, node, exporter, ifIndex, port, since, until, ...sums] = cells;
  const owner = { endpoint, tenant, network, identity } as NonNullable<CountedPort["owner"]>;
  const [egress, ingress] = WAYS.map(
    (_, way): InterfaceAmounts =>
      Object.fromEntries(
        AMOUNTS.flatMap((what, index) => {
          const sum = sums[way * AMOUNTS.length + index];
          return sum === null || sum === undefined ? [] : [[what, Number(sum)]];
        }),
      ),
  ) as [InterfaceAmounts, InterfaceAmounts];
  return {
    ...(endpoint === null ? {} : { owner }),
    ...(node === null ? {} : { node: String(node) }),
    exporter: String(exporter),
    ifIndex: Number(ifIndex),
    ...(port === null ? {} : { port: String(port) }),
    since: Number(since),
    until: Number(until),
    egress,
    ingress,
  };
}
