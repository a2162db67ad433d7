import { tableName } from "../store/partitions.ts";
import { partitionsBetween, type RollUp } from "../store/roll-ups.ts";
import { UNITS } from "../store/sum-tiers.ts";
import { DIMENSION_NAMES, SUM_NAMES } from "./schema.ts";

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
