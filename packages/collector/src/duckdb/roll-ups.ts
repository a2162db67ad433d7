import { endOf, floorTo, type Partition, partitionOf, SPANS, tableName } from "./partitions.ts";
import { DIMENSION_NAMES, SUM_NAMES } from "./schema.ts";
import { finerThan, type RolledTier, type SumTier, UNITS } from "./sum-tiers.ts";

/** Rows to be added up into coarser ones. */
export interface RollUp {
  readonly from: SumTier;
  readonly into: Partition & { readonly kind: RolledTier };
  /** Seconds; whole units of the coarser tier. */
  readonly start: number;
  readonly end: number;
}

/** What has to be rolled up between two moments, table by table. */
export function rollUpsOf(into: RolledTier, since: number, until: number): readonly RollUp[] {
  const found: RollUp[] = [];
  for (let start = since; start < until; ) {
    const partition = { ...partitionOf(into, start), kind: into };
    const end = Math.min(until, endOf(partition));
    found.push({ from: finerThan(into), into: partition, start, end });
    start = end;
  }
  return found;
}

/** @param tables those that there are */
export function rollUpSql({ from, into, start, end }: RollUp, tables: ReadonlySet<string>): string | undefined {
  const sources = partitionsBetween(from, start, end)
    .map(tableName)
    .filter((table) => tables.has(table));
  if (sources.length === 0) return undefined;
  const unit = UNITS[into.kind];
  const dimensions = DIMENSION_NAMES.join(", ");
  const sums = SUM_NAMES.map((name) => `sum(${name})`).join(", ");
  const rows = sources.map((table) => `FROM ${table} WHERE start >= ${start} AND start < ${end}`).join(" UNION ALL ");
  return `INSERT INTO ${tableName(into)} SELECT (start // ${unit}) * ${unit} AS start, ${dimensions}, ${sums} FROM (${rows}) GROUP BY ALL`;
}

/** Tables that have rows from `start` on, before `end`. */
export function partitionsBetween(kind: Partition["kind"], start: number, end: number): readonly Partition[] {
  const found: Partition[] = [];
  for (let at = floorTo(start, SPANS[kind]); at < end; at += SPANS[kind]) found.push({ kind, start: at });
  return found;
}
