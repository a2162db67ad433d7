import type { PlanPart, SumPlan } from "../query/plan.ts";
import { namedRowsSql, storedColumnsOf } from "./named-rows-sql.ts";
import { expressionSql, isListExpression, predicateSql } from "./predicate-sql.ts";
import { SUM_NAMES } from "./schema.ts";
import {
  ANSWER,
  columnsOfPlan,
  endsSql,
  keyNames,
  nulls,
  orderSql,
  partSql,
  readSql,
  type Source,
  SUMMED,
  SUMS,
} from "./sum-sql.ts";

/** No rows are no group, where there is nothing to group by, either. */
const GROUPED = "GROUP BY ALL HAVING count(*) > 0";

/** Stored columns that can be compared the quick way. */
const NEVER_NULL: ReadonlySet<string> = new Set(["source", "destination", "exporter", "attributed"]);

/** The same rows of the same time, twice. */
export interface SeriesSources {
  /** As coarse as all of the time allows. */
  readonly whole: readonly Source[];
  /** As fine as slots want them. */
  readonly slots: readonly Source[];
}

/** So many slots are answered in one pass. */
const FEW_SLOTS = 4;

/** Whether {@link seriesSql} answers it, and sooner: without ends, even rows of slots are few when they are added up. */
export function isSeries(plan: SumPlan): boolean {
  const stored = storedColumnsOf(columnsOfPlan(plan));
  const hasEnds = stored.includes("source") || stored.includes("destination");
  return plan.slots.count > FEW_SLOTS && plan.ranked === "all" && hasEnds;
}

/**
 * The statement that answers a plan of many slots, which is compared by all of them; its rows are as `sumSql` has them.
 *
 * Who has the most is found in rows of the whole time, of which there are few. Those of slots are many: they get neither names nor keys, but are held
 * against the rows of the whole time by the numbers that both have, which say which predicates hold and which of the told groups they are of.
 */
export function seriesSql(plan: SumPlan, sources: SeriesSources, ends: readonly string[]): string {
  const columns = columnsOfPlan(plan);
  const stored = storedColumnsOf(columns);
  const keys = keyNames(plan);
  const { start, milliseconds, count } = plan.slots;
  const whole = { start, milliseconds: milliseconds * count, count: 1 };
  return `WITH
    ${endsSql(ends)},
    kinds AS MATERIALIZED (SELECT row_number() OVER () AS kind, * FROM (SELECT ${[...stored, SUMMED].join(", ")} FROM ${readSql(whole, sources.whole, stored)} ${GROUPED})),
    named AS MATERIALIZED (${namedRowsSql("kinds", columns, ["kind", ...SUM_NAMES])}),
    classes AS (SELECT kind, ${classSql(plan)} AS class FROM named),
    classed AS MATERIALIZED (SELECT slot, class, ${SUMMED} FROM ${heldAgainst("classes", "class")} GROUP BY slot, class)
    ${plan.parts.length === 0 ? "" : `, ${groupsSql()}`}
    ${[...(plan.parts.length === 0 ? [] : [toldSql(), allSql(plan, keys)]), ...totalsSql(plan, keys)].join(" UNION ALL ")}`;

  /** Rows of slots with what a table says of their kind. */
  function heldAgainst(table: string, column: string): string {
    const same = stored.map(
      (name) => `row.${name} ${NEVER_NULL.has(name) ? "=" : "IS NOT DISTINCT FROM"} said.${name}`,
    );
    const said = `(SELECT ${["kinds.kind", ...stored.map((name) => `kinds.${name}`), column].join(", ")} FROM kinds JOIN ${table} ON ${table}.kind = kinds.kind)`;
    return `(SELECT row.slot, said.${column}, ${SUM_NAMES.map((name) => `row.${name}`).join(", ")} FROM ${readSql(plan.slots, sources.slots, stored)} AS row JOIN ${said} AS said ON ${same.join(" AND ") || "true"})`;
  }

  function groupsSql(): string {
    const parts = plan.parts.map((part) => partSql(part, keys, ["kind"])).join(" UNION ALL ");
    const isSame = keys.map((key) => `keyed.${key} IS NOT DISTINCT FROM first.${key}`).join(" AND ") || "true";
    return `keyed AS MATERIALIZED (${parts}),
      groups AS MATERIALIZED (SELECT ${[...keys, `sum(${plan.measure}) AS size`].join(", ")} FROM keyed ${GROUPED}),
      first AS MATERIALIZED (SELECT row_number() OVER () AS place, * FROM (FROM groups ORDER BY ${orderSql("size", keys)} LIMIT ${plan.limit})),
      chosen AS (SELECT keyed.kind, first.place FROM keyed JOIN first ON ${isSame}),
      told AS (SELECT slot, place, ${SUMMED} FROM ${heldAgainst("chosen", "place")} GROUP BY slot, place)`;
  }

  function toldSql(): string {
    const columns = [
      `${ANSWER.group} AS kind`,
      "0::BIGINT AS number",
      ...keys.map((key) => `first.${key}`),
      "slot",
      SUMS,
    ];
    return `SELECT ${columns.join(", ")} FROM told JOIN first ON told.place = first.place`;
  }
}

/** Under how many keys a row is counted, and behind it a bit for each total that it is in. */
function classSql({ parts, totals }: SumPlan): string {
  const times = parts.map(({ where, keys }) => `CASE WHEN ${predicateSql(where)} THEN ${timesSql(keys)} ELSE 0 END`);
  const bits = totals.map((where, index) => `CASE WHEN ${predicateSql(where)} THEN ${2 ** index} ELSE 0 END`);
  return `(${["0", ...times].join(" + ")})::BIGINT * ${2 ** totals.length} + ${["0", ...bits].join(" + ")}`;
}

/** So many keys a row has in a part: one for each value of those that have several. */
function timesSql(keys: PlanPart["keys"]): string {
  const lists = keys.filter(isListExpression);
  return ["1", ...lists.map((key) => `greatest(1, len(${expressionSql(key)}))`)].join(" * ");
}

function allSql({ totals }: SumPlan, keys: readonly string[]): string {
  const sums = SUM_NAMES.map((name) => `sum(${name} * (class // ${2 ** totals.length}))`);
  return `SELECT ${[ANSWER.all, "(SELECT count(*) FROM groups)", ...nulls(keys), "slot", ...sums].join(", ")} FROM classed GROUP BY slot`;
}

function totalsSql({ totals }: SumPlan, keys: readonly string[]): readonly string[] {
  return totals.map((_, index) => {
    const columns = [`${ANSWER.total} AS kind`, `${index}::BIGINT AS number`, ...nulls(keys), "slot", SUMMED];
    return `SELECT ${columns.join(", ")} FROM classed WHERE class & ${2 ** index} <> 0 GROUP BY slot`;
  });
}
