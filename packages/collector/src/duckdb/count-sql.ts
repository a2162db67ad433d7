import type { InterfaceAmounts } from "@holdfast/flow";
import {
  AMOUNTS,
  ASKED_OF_PORTS,
  type CountedPort,
  type CountPlan,
  countedPort,
  type PortKey,
  WAYS,
} from "../counters/counted.ts";
import type { Cell } from "./database.ts";
import { textSql } from "./predicate-sql.ts";

const KEYS = ["endpoint", "tenant", "network", "identity", "node", "exporter", "ifindex", "port"] as const;
const SUMS = WAYS.flatMap((way) => AMOUNTS.map((what) => `${way}_${what}`));

/** In the order of the table. */
export function countCells({ owner, node, exporter, ifIndex, port, since, until, ...ways }: CountedPort): Cell[] {
  const { endpoint = null, tenant = null, network = null, identity = null } = owner ?? {};
  const amounts = WAYS.flatMap((way) => AMOUNTS.map((what) => ways[way][what] ?? null));
  return [until, since, endpoint, tenant, network, identity, node ?? null, exporter, ifIndex, port ?? null, ...amounts];
}

/** The statement that answers a plan; {@link portOf} reads its rows. */
export function countSql(plan: CountPlan, tables: readonly string[]): string {
  const asked = ASKED_OF_PORTS.flatMap((field) => {
    const wanted = plan[field];
    return wanted === undefined ? [] : [`${field} = ${textSql(wanted)}`];
  });
  const where = [`moment >= ${plan.from}`, `moment < ${plan.to}`, ...asked].join(" AND ");
  const rows = tables.map((table) => `FROM ${table} WHERE ${where}`).join(" UNION ALL ");
  const sums = SUMS.map((name) => `sum(${name})`);
  return `SELECT ${[...KEYS, "min(since)", "max(moment)", ...sums].join(", ")} FROM (${rows}) GROUP BY ${KEYS.join(", ")}`;
}

export function portOf(cells: readonly Cell[]): CountedPort {
  const [endpoint, tenant, network, identity, node, exporter, ifIndex, port, since, until, ...sums] = cells;
  const amountsOf = (way: number): InterfaceAmounts =>
    Object.fromEntries(
      AMOUNTS.flatMap((what, index) => {
        const sum = sums[way * AMOUNTS.length + index];
        return sum === null || sum === undefined ? [] : [[what, Number(sum)]];
      }),
    );
  const key = { endpoint, tenant, network, identity, node, exporter, ifIndex: Number(ifIndex), port } as PortKey;
  const [egress, ingress] = [amountsOf(0), amountsOf(1)];
  return countedPort(key, { since: Number(since), until: Number(until), egress, ingress });
}
