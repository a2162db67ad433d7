import type { Column, PlanPart, Slots, SumPlan } from "../query/plan.ts";
import { columnsOf, namedRowsSql, storedColumnsOf } from "./named-rows-sql.ts";
import { expressionSql, isListExpression, predicateSql } from "./predicate-sql.ts";
import { SUM_NAMES } from "./schema.ts";

/** What a row of the answer is: of a group, of all groups together, a total. */
export const ANSWER = { group: 0, all: 1, total: 2 } as const;

export const SUMS = SUM_NAMES.join(", ");
export const SUMMED = SUM_NAMES.map((name) => `sum(${name}) AS ${name}`).join(", ");

/** Where rows are read, in the order of time; none of them twice. */
export interface Source {
  readonly table: string;
  /** Seconds; `to` is not included. */
  readonly from: number;
  readonly to: number;
  /** Not of windows as they come. */
  readonly isRolled: boolean;
}

/**
 * The statement that answers a plan. Rows are added up by the numbers of their ends first, which are few and quick to compare; names, filters and
 * groups come in afterwards.
 *
 * Its columns: what the row is, a number (of the total; of all groups, how many they are), one text per key, slot, packets, bytes, samples, exact. Its rows
 * are in no order: each step more that has to wait for the one before costs milliseconds on a busy machine.
 */
export function sumSql(plan: SumPlan, sources: readonly Source[], ends: readonly string[]): string {
  const columns = columnsOfPlan(plan);
  const stored = storedColumnsOf(columns);
  const keys = keyNames(plan);
  const groups = plan.parts.map((part) => partSql(part, keys, ["slot"]));
  const by = ["slot", ...keys].join(", ");
  const statements = [...(groups.length === 0 ? [] : groupStatements(plan, keys)), totalsSql(plan, keys)];
  return `WITH
    ${endsSql(ends)},
    rows AS MATERIALIZED (SELECT ${["slot", ...stored, SUMMED].join(", ")} FROM ${readSql(plan.slots, sources, stored)} GROUP BY ${["slot", ...stored].join(", ")}),
    named AS MATERIALIZED (${namedRowsSql("rows", columns, ["slot", ...SUM_NAMES])})
    ${groups.length === 0 ? "" : `, groups AS MATERIALIZED (SELECT ${by}, ${SUMMED} FROM (${groups.join(" UNION ALL ")}) GROUP BY ${by})`}
    ${statements.join(" UNION ALL ")}`;
}

/** Columns that a plan looks at. */
export function columnsOfPlan({ parts, totals }: SumPlan): ReadonlySet<Column> {
  const keys = parts.flatMap((part) => part.keys);
  return columnsOf(keys, [...parts.map(({ where }) => where), ...totals]);
}

/** What the columns of keys are called. */
export function keyNames({ parts }: SumPlan): readonly string[] {
  return (parts[0]?.keys ?? []).map((_, index) => `k${index}`);
}

export function endsSql(ends: readonly string[]): string {
  return `ends AS (${ends.map((table) => `FROM ${table}`).join(" UNION ALL ")})`;
}

/** Rows as they are stored, with the slot that they are in. */
export function readSql({ start, milliseconds }: Slots, sources: readonly Source[], stored: readonly string[]): string {
  const slot = `CAST((start - ${start / 1000}) // ${milliseconds / 1000} AS INTEGER) AS slot`;
  const read = sources.map(
    ({ table, from, to }) =>
      `SELECT ${[slot, ...stored, SUMS].join(", ")} FROM ${table} WHERE start >= ${from} AND start < ${to}`,
  );
  return `(${read.join(" UNION ALL ")})`;
}

/** Rows of one part under its keys, with `more` of their columns; a row with several values of a key is there once for each. */
export function partSql({ where, keys }: PlanPart, names: readonly string[], more: readonly string[]): string {
  const lists = keys.flatMap((key, index) => (isListExpression(key) ? [index] : []));
  const flat = keys.map((key, index) =>
    lists.includes(index)
      ? `${expressionSql(key)} AS k${index}`
      : `CAST(${expressionSql(key)} AS VARCHAR) AS k${index}`,
  );
  const inner = `SELECT ${[...more, ...flat, SUMS].join(", ")} FROM named WHERE ${predicateSql(where)}`;
  return lists.reduce((sql, index) => {
    const each = `unnest(CASE WHEN len(k${index}) = 0 THEN [NULL] ELSE k${index} END) AS k${index}`;
    const others = names.filter((name) => name !== `k${index}`);
    return `SELECT ${[...more, ...names.map((name) => (others.includes(name) ? name : each)), SUMS].join(", ")} FROM (${sql})`;
  }, inner);
}

/** Those with the most, and all together. */
function groupStatements({ measure, ranked, slots, limit }: SumPlan, keys: readonly string[]): readonly string[] {
  const told = [`${ANSWER.group} AS kind`, "0::BIGINT AS number", ...keys, "slot", SUMS].join(", ");
  const all = (count: string): string =>
    `SELECT ${[ANSWER.all, count, ...nulls(keys), "slot", SUMMED].join(", ")} FROM groups GROUP BY slot`;
  if (slots.count === 1) {
    return [`(SELECT ${told} FROM groups ORDER BY ${orderSql(measure, keys)} LIMIT ${limit})`, all("count(*)")];
  }
  const counted = ranked === "last" ? `CASE WHEN slot = ${slots.count - 1} THEN ${measure} ELSE 0 END` : measure;
  const sizes = `SELECT ${[...keys, `sum(${counted}) AS size`].join(", ")} FROM groups GROUP BY ALL`;
  const first = `SELECT * FROM (${sizes}) ORDER BY ${orderSql("size", keys)} LIMIT ${limit}`;
  const same = keys.map((key) => `groups.${key} IS NOT DISTINCT FROM first.${key}`).join(" AND ") || "true";
  const qualified = told.replaceAll(/\b(k\d+|slot|packets|bytes|samples|exact)\b/g, "groups.$1");
  return [
    `SELECT ${qualified} FROM groups JOIN (${first}) AS first ON ${same}`,
    all(`(SELECT count(*) FROM (${sizes}))`),
  ];
}

/** The most first; equal ones in the order of their keys. */
export function orderSql(size: string, keys: readonly string[]): string {
  return [`${size} DESC`, ...keys.map((key) => `${key} ASC NULLS LAST`)].join(", ");
}

/** All totals in one pass. */
function totalsSql({ totals }: SumPlan, keys: readonly string[]): string {
  const structs = totals.map((where, index) => {
    const sums = SUM_NAMES.map((name) => `${name}: coalesce(sum(${name}) FILTER (WHERE ${predicateSql(where)}), 0)`);
    return `{number: ${index}, ${sums.join(", ")}}`;
  });
  const columns = [`${ANSWER.total} AS kind`, "total.number::BIGINT", ...nulls(keys), "slot"];
  const sums = SUM_NAMES.map((name) => `total.${name}`);
  return `SELECT ${[...columns, ...sums].join(", ")} FROM (SELECT slot, unnest([${structs.join(", ")}]) AS total FROM named GROUP BY slot)`;
}

export function nulls(keys: readonly string[]): readonly string[] {
  return keys.map((key) => `NULL::VARCHAR AS ${key}`);
}
