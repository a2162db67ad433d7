import { Cidr } from "@holdfast/core";
import type { FilterValue } from "@holdfast/flow";
import type { Column, Expression, Predicate } from "../query/plan.ts";
import { addressBits } from "../store/address-bits.ts";

/** `source.identity` as the column `source_identity`. */
export function columnSql(column: Column): string {
  return column.replace(".", "_");
}

export function isList(column: Column): boolean {
  return column.endsWith(".group");
}

/** The value of an expression over rows with names. */
export function expressionSql(expression: Expression): string {
  if (expression.kind === "constant") return textSql(expression.value);
  const { column, when } = expression;
  const name = columnSql(column);
  if (when === undefined) return name;
  return `CASE WHEN ${predicateSql(when)} THEN ${name} ${isList(column) ? "ELSE []::VARCHAR[] " : ""}END`;
}

/** Never NULL: what has no value is not equal to anything. */
export function predicateSql(predicate: Predicate): string {
  switch (predicate.kind) {
    case "all":
      return joined(predicate.of, "AND", "true");
    case "any":
      return joined(predicate.of, "OR", "false");
    case "not":
      return `(NOT ${predicateSql(predicate.of)})`;
    case "is": {
      const { of, values } = predicate;
      const any = values.map((value) => (isListExpression(of) ? listSql(of, value) : valueSql(of, value)));
      return any.length === 0 ? "false" : `(${any.join(" OR ")})`;
    }
  }
}

function joined(of: readonly Predicate[], word: "AND" | "OR", empty: string): string {
  return of.length === 0 ? empty : `(${of.map(predicateSql).join(` ${word} `)})`;
}

export function isListExpression(expression: Expression): boolean {
  return expression.kind === "column" && isList(expression.column);
}

function listSql(of: Expression, value: FilterValue): string {
  const list = expressionSql(of);
  if (value.kind === "absent") return `len(${list}) = 0`;
  return `len(list_filter(${list}, lambda one: ${comparisonSql("one", value)})) > 0`;
}

function valueSql(of: Expression, value: FilterValue): string {
  if (value.kind === "absent") return `(${expressionSql(of)}) IS NULL`;
  if (value.kind === "prefix") return `coalesce(${prefixSql(bitsOf(of), value.prefix)}, false)`;
  return `coalesce(${comparisonSql(`(${expressionSql(of)})`, value)}, false)`;
}

/** An address with its order, so that it is within a prefix or not. */
function bitsOf(of: Expression): string {
  if (of.kind === "constant") return "NULL";
  const bits = of.column.includes(".") ? columnSql(of.column).replace(/_address$/, "_bits") : `${of.column}_bits`;
  return of.when === undefined ? bits : `(CASE WHEN ${predicateSql(of.when)} THEN ${bits} END)`;
}

function prefixSql(bits: string, prefix: Cidr): string {
  return `${bits} BETWEEN ${textSql(addressBits(Cidr.first(prefix)))} AND ${textSql(addressBits(Cidr.last(prefix)))}`;
}

function comparisonSql(sql: string, value: Exclude<FilterValue, { kind: "absent" }>): string {
  switch (value.kind) {
    case "equal":
      return `${sql} = ${literalSql(value.value)}`;
    case "pattern":
      return `${sql} LIKE ${textSql(value.pattern.replaceAll(/[\\%_]/g, "\\$&").replaceAll("*", "%"))} ESCAPE '\\'`;
    case "range":
      return `${sql} BETWEEN ${value.first} AND ${value.last}`;
    case "prefix":
      return "false";
  }
}

function literalSql(value: string | number | boolean): string {
  return typeof value === "string" ? textSql(value) : String(value);
}

/** A literal of SQL; the one place where what people write comes into a statement. */
export function textSql(text: string): string {
  return `'${text.replaceAll("'", "''").replaceAll("\0", "")}'`;
}
