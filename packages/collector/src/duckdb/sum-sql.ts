import type { PlanPart, SumPlan } from "../query/plan.ts";
import { columnsOf, namedRowsSql, storedColumnsOf } from "./named-rows-sql.ts";
import { expressionSql, isListExpression, predicateSql } from "./predicate-sql.ts";
import { SUM_NAMES } from "./schema.ts";

/** What a row of the answer is: a group, what all others make, how many groups there are, a total. */
export const ANSWER = { group: 0, other: 1, count: 2, total: 3 } as const;

const SUMS = SUM_NAMES.join(", ");
const SUMMED = SUM_NAMES.map((name) => `sum(${name}) AS ${name}`).join(", ");

/** Where rows are read, in the order of time; none of them twice. */
export interface Source {
  readonly table: string;
  /** Seconds; `to` is not included. */
  readonly from: number;
  readonly to: number;
}

/**
 * The statement that answers a plan. Rows are added up by the numbers of their ends first, which are few and quick to compare; names, filters and
 * groups come in afterwards.
 *
 * Its columns: what the row is, rank or number of the total, one text per key, slot, packets, bytes, samples, exact.
 */
export function sumSql(plan: SumPlan, sources: readonly Source[], ends: readonly string[]): string {
  const columns = columnsOf(
    plan.parts.flatMap(({ keys }) => keys),
    [...plan.parts.map(({ where }) => where), ...plan.totals],
  );
  const stored = storedColumnsOf(columns);
  const keys = (plan.parts[0]?.keys ?? []).map((_, index) => `k${index}`);
  const step = plan.slots.milliseconds / 1000;
  const slot = `CAST((start - ${plan.slots.start / 1000}) // ${step} AS INTEGER) AS slot`;
  const read = sources.map(
    ({ table, from, to }) =>
      `SELECT ${[slot, ...stored, SUMS].join(", ")} FROM ${table} WHERE start >= ${from} AND start < ${to}`,
  );
  const groups = plan.parts.map((part) => partSql(part, keys));
  const by = ["slot", ...keys].join(", ");
  const nulls = keys.map((key) => `NULL::VARCHAR AS ${key}`);
  const statements = [
    ...(groups.length === 0 ? [] : groupStatements(plan, keys, nulls)),
    ...plan.totals.map(
      (where, index) =>
        `SELECT ${[ANSWER.total, `${index} AS rank`, ...nulls, "slot", SUMMED].join(", ")} FROM named WHERE ${predicateSql(where)} GROUP BY slot`,
    ),
  ];
  return `WITH
    ends AS (${ends.map((table) => `FROM ${table}`).join(" UNION ALL ")}),
    rows AS MATERIALIZED (SELECT ${["slot", ...stored, SUMMED].join(", ")} FROM (${read.join(" UNION ALL ")}) GROUP BY ${["slot", ...stored].join(", ")}),
    named AS MATERIALIZED (${namedRowsSql("rows", columns, ["slot", ...SUM_NAMES])})
    ${groups.length === 0 ? "" : `, groups AS (SELECT ${by}, ${SUMMED} FROM (${groups.join(" UNION ALL ")}) GROUP BY ${by})${rankedSql(plan, keys)}`}
    ${statements.join(" UNION ALL ")}
    ORDER BY 1, 2`;
}

/** Rows of one part under its keys; a row with several values of a key is there once for each. */
function partSql({ where, keys }: PlanPart, names: readonly string[]): string {
  const lists = keys.flatMap((key, index) => (isListExpression(key) ? [index] : []));
  const flat = keys.map((key, index) =>
    lists.includes(index)
      ? `${expressionSql(key)} AS k${index}`
      : `CAST(${expressionSql(key)} AS VARCHAR) AS k${index}`,
  );
  const inner = `SELECT ${["slot", ...flat, SUMS].join(", ")} FROM named WHERE ${predicateSql(where)}`;
  return lists.reduce((sql, index) => {
    const each = `unnest(CASE WHEN len(k${index}) = 0 THEN [NULL] ELSE k${index} END) AS k${index}`;
    const others = names.filter((name) => name !== `k${index}`);
    return `SELECT ${["slot", ...names.map((name) => (others.includes(name) ? name : each)), SUMS].join(", ")} FROM (${sql})`;
  }, inner);
}

/** Groups with their place among all. */
function rankedSql({ measure, ranked, slots }: SumPlan, keys: readonly string[]): string {
  const order = ["size DESC", ...keys.map((key) => `${key} ASC NULLS LAST`)].join(", ");
  const counted = ranked === "last" ? `CASE WHEN slot = ${slots.count - 1} THEN ${measure} ELSE 0 END` : measure;
  const size = keys.length === 0 ? "0" : `sum(${counted}) OVER (PARTITION BY ${keys.join(", ")})`;
  const sized =
    slots.count === 1 ? `SELECT *, ${measure} AS size FROM groups` : `SELECT *, ${size} AS size FROM groups`;
  const rank = keys.length === 0 ? "1" : `dense_rank() OVER (ORDER BY ${order})`;
  return `, ranked AS MATERIALIZED (SELECT *, ${rank} AS rank FROM (${sized}))`;
}

function groupStatements({ limit }: SumPlan, keys: readonly string[], nulls: readonly string[]): readonly string[] {
  const none = SUM_NAMES.map(() => "0::DOUBLE").join(", ");
  return [
    `SELECT ${[`${ANSWER.group} AS kind`, "rank", ...keys, "slot", SUMS].join(", ")} FROM ranked WHERE rank <= ${limit}`,
    `SELECT ${[ANSWER.other, "0", ...nulls, "slot", SUMMED].join(", ")} FROM ranked WHERE rank > ${limit} GROUP BY slot`,
    `SELECT ${[ANSWER.count, "coalesce(max(rank), 0)", ...nulls, "0", none].join(", ")} FROM ranked`,
  ];
}
