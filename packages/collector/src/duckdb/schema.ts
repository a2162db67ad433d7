import type { PartitionKind } from "../store/partitions.ts";

/** Columns of a table, with DuckDB's types. Absent values are NULL. */
export type ColumnTypes = Readonly<
  Record<string, "UINTEGER" | "USMALLINT" | "UTINYINT" | "BOOLEAN" | "DOUBLE" | "VARCHAR">
>;

/** What rows of sums and of samples have alike; ends are numbers of the table of ends. */
const DIMENSIONS = {
  source: "UINTEGER",
  destination: "UINTEGER",
  exporter: "UINTEGER",
  protocol: "USMALLINT",
  /** Port of the end that serves. */
  service: "USMALLINT",
  /** 0 allowed, 1 denied. */
  verdict: "UTINYINT",
  vlan: "USMALLINT",
  vni: "UINTEGER",
  attributed: "BOOLEAN",
} as const satisfies ColumnTypes;
export const DIMENSION_NAMES = Object.keys(DIMENSIONS) as (keyof typeof DIMENSIONS)[];

/** Doubles hold whole numbers exactly up to 2^53, and estimates are no whole numbers. */
const SUMS = { packets: "DOUBLE", bytes: "DOUBLE", samples: "DOUBLE", exact: "DOUBLE" } as const satisfies ColumnTypes;
export const SUM_NAMES = Object.keys(SUMS) as (keyof typeof SUMS)[];

/** Seconds since 1970. */
const ROLLED = { start: "UINTEGER", ...DIMENSIONS, ...SUMS } as const satisfies ColumnTypes;

export const TABLES = {
  fine: ROLLED,
  minute: ROLLED,
  tens: ROLLED,
  hour: ROLLED,
  samples: {
    /** Milliseconds since 1970. */
    moment: "DOUBLE",
    ...DIMENSIONS,
    source_port: "USMALLINT",
    destination_port: "USMALLINT",
    tcp_flags: "UTINYINT",
    bytes: "DOUBLE",
    rate: "DOUBLE",
  },
  ends: {
    id: "UINTEGER",
    endpoint: "VARCHAR",
    tenant: "VARCHAR",
    network: "VARCHAR",
    identity: "VARCHAR",
    /** Names with commas between them; NULL: none. */
    groups: "VARCHAR",
    node: "VARCHAR",
    prefix: "VARCHAR",
    address: "VARCHAR",
    /** In an order that prefixes are stretches of. */
    bits: "VARCHAR",
  },
  counts: {
    /** Milliseconds since 1970: of the last sample, and of the one before it. */
    moment: "DOUBLE",
    since: "DOUBLE",
    endpoint: "VARCHAR",
    tenant: "VARCHAR",
    network: "VARCHAR",
    identity: "VARCHAR",
    node: "VARCHAR",
    exporter: "VARCHAR",
    ifindex: "UINTEGER",
    port: "VARCHAR",
    egress_bytes: "DOUBLE",
    egress_packets: "DOUBLE",
    egress_drops: "DOUBLE",
    egress_errors: "DOUBLE",
    ingress_bytes: "DOUBLE",
    ingress_packets: "DOUBLE",
    ingress_drops: "DOUBLE",
    ingress_errors: "DOUBLE",
  },
  drops: {
    /** Milliseconds since 1970. */
    moment: "DOUBLE",
    tenant: "VARCHAR",
    policy: "VARCHAR",
    direction: "VARCHAR",
    rule: "VARCHAR",
    guard: "VARCHAR",
    node: "VARCHAR",
    packets: "DOUBLE",
    bytes: "DOUBLE",
  },
} as const satisfies Record<PartitionKind, ColumnTypes>;

export function createTableSql(table: string, kind: PartitionKind): string {
  const columns = Object.entries(TABLES[kind]).map(([name, type]) => `"${name}" ${type}`);
  return `CREATE TABLE IF NOT EXISTS ${table} (${columns.join(", ")})`;
}

/** How far rows have been rolled up, in seconds, and the version of all of this; how far each stream has been read with the windows that are kept. */
export const PROGRESS_SQL = `
  CREATE TABLE IF NOT EXISTS progress (name VARCHAR, value UINTEGER);
  CREATE TABLE IF NOT EXISTS streams (name VARCHAR, checkpoint VARCHAR);
  INSERT INTO progress SELECT 'version', 1 WHERE NOT EXISTS (FROM progress WHERE name = 'version');
`;
