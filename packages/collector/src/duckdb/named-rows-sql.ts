import type { Column, Expression, Predicate } from "../query/plan.ts";
import { columnSql } from "./predicate-sql.ts";

/** Columns that expressions and predicates look at. */
export function columnsOf(expressions: readonly Expression[], predicates: readonly Predicate[]): ReadonlySet<Column> {
  const found = new Set<Column>();
  const ofExpression = (expression: Expression): void => {
    if (expression.kind === "constant") return;
    found.add(expression.column);
    if (expression.when !== undefined) ofPredicate(expression.when);
  };
  const ofPredicate = (predicate: Predicate): void => {
    if (predicate.kind === "is") ofExpression(predicate.of);
    else if (predicate.kind === "not") ofPredicate(predicate.of);
    else for (const one of predicate.of) ofPredicate(one);
  };
  for (const one of expressions) ofExpression(one);
  for (const one of predicates) ofPredicate(one);
  return found;
}

const ENDS = ["source", "destination"] as const;

/** Columns of the stored rows that the asked ones are made from. */
export function storedColumnsOf(columns: ReadonlySet<Column>): readonly string[] {
  return [...new Set([...columns].map((column) => column.split(".")[0] as string))];
}

/** Rows of `from` with the names of their ends, as far as they are asked for; `more` are further columns of it. */
export function namedRowsSql(from: string, columns: ReadonlySet<Column>, more: readonly string[]): string {
  const joins: string[] = [];
  const selected = more.map((name) => `rows.${name}`);
  for (const end of ENDS) {
    const fields = [...columns].filter((column) => column.startsWith(`${end}.`));
    if (fields.length === 0) continue;
    joins.push(`LEFT JOIN ends AS ${end}_end ON ${end}_end.id = rows.${end}`);
    selected.push(...fields.flatMap((column) => endColumnSql(end, column)));
  }
  if (columns.has("exporter")) {
    joins.push("LEFT JOIN ends AS agent ON agent.id = rows.exporter");
    selected.push("agent.address AS exporter", "agent.bits AS exporter_bits");
  }
  for (const column of columns) {
    if (column === "exporter" || column.includes(".")) continue;
    selected.push(
      column === "verdict"
        ? "CASE rows.verdict WHEN 0 THEN 'allowed' WHEN 1 THEN 'denied' END AS verdict"
        : `rows.${column}`,
    );
  }
  return `SELECT ${selected.join(", ")} FROM ${from} AS rows ${joins.join(" ")}`;
}

function endColumnSql(end: string, column: Column): readonly string[] {
  const field = column.slice(end.length + 1);
  const name = columnSql(column);
  if (field === "group") {
    const groups = `${end}_end.groups`;
    return [`CASE WHEN ${groups} IS NULL THEN []::VARCHAR[] ELSE string_split(${groups}, ',') END AS ${name}`];
  }
  const own = `${end}_end.${field} AS ${name}`;
  return field === "address" ? [own, `${end}_end.bits AS ${end}_bits`] : [own];
}
