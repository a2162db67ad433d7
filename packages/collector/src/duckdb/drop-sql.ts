import { flowDropFields } from "@holdfast/model";
import { ASKED_FIELDS, type DropPlan, type Dropped, type DropSum, dropKey } from "../drops/dropped.ts";
import type { Cell } from "./database.ts";
import { textSql } from "./predicate-sql.ts";
import { TABLES } from "./schema.ts";

const COLUMNS = Object.keys(TABLES.drops) as (keyof typeof TABLES.drops)[];

/** In the order of the table. */
export function dropCells({ at: moment, ...dropped }: Dropped): Cell[] {
  const row = { moment, ...dropped };
  return COLUMNS.map((name) => row[name] ?? null);
}

/** The statement that answers a plan; {@link dropSum} reads its rows. */
export function dropSql(plan: DropPlan, tables: readonly string[]): string {
  const { start, milliseconds, count } = plan.slots;
  const asked = ASKED_FIELDS.flatMap((field) => {
    const wanted = plan[field];
    return wanted === undefined ? [] : [`${field} = ${textSql(wanted)}`];
  });
  const where = [`moment >= ${start}`, `moment < ${start + milliseconds * count}`, ...asked].join(" AND ");
  const rows = tables.map((table) => `FROM ${table} WHERE ${where}`).join(" UNION ALL ");
  const slot = `CAST(floor((moment - ${start}) / ${milliseconds}) AS INTEGER)`;
  return `SELECT ${[`${slot} AS slot`, ...flowDropFields, "sum(packets)", "sum(bytes)"].join(", ")} FROM (${rows}) GROUP BY slot, ${flowDropFields.join(", ")}`;
}

export function dropSum([slot, ...cells]: readonly Cell[]): DropSum {
  const [packets, bytes] = cells.slice(flowDropFields.length).map(Number) as [number, number];
  return { slot: Number(slot), ...dropKey(cells), packets, bytes };
}
