import { Cidr, IpAddress } from "@holdfast/core";
import type { FilterValue } from "@holdfast/flow";
import { holds } from "../query/evaluate.ts";
import type { Column, Expression, Predicate } from "../query/plan.ts";
import type { ServedTraffic } from "../query/row-values.ts";
import { addressBits } from "../store/address-bits.ts";

/** A query of the cluster's language, in a filter's place. */
export type Query = Readonly<Record<string, unknown>>;

export const MATCH_ALL: Query = { match_all: {} };
export const MATCH_NONE: Query = { match_none: {} };

/** The field that has a column's values; an address is known by its bits. */
export function fieldOf(column: Column): string {
  if (column === "exporter") return "exporterBits";
  return column.endsWith(".address") ? `${column}Bits` : column;
}

export function isAddress(column: Column): boolean {
  return column === "exporter" || column.endsWith(".address");
}

/** What has no value is not equal to anything, as {@link Predicate} says; the cluster sees it the same way. */
export function predicateQuery(predicate: Predicate): Query {
  switch (predicate.kind) {
    case "all":
      return allOf(predicate.of.map(predicateQuery));
    case "any":
      return anyOf(predicate.of.map(predicateQuery));
    case "not":
      return noneOf([predicateQuery(predicate.of)]);
    case "is":
      return isQuery(predicate.of, predicate.values);
  }
}

export function allOf(queries: readonly Query[]): Query {
  const some = queries.filter((query) => query !== MATCH_ALL);
  if (some.includes(MATCH_NONE)) return MATCH_NONE;
  if (some.length <= 1) return some[0] ?? MATCH_ALL;
  return { bool: { filter: some } };
}

export function anyOf(queries: readonly Query[]): Query {
  const some = queries.filter((query) => query !== MATCH_NONE);
  if (some.includes(MATCH_ALL)) return MATCH_ALL;
  if (some.length <= 1) return some[0] ?? MATCH_NONE;
  return { bool: { should: some, minimum_should_match: 1 } };
}

export function noneOf(queries: readonly Query[]): Query {
  const any = anyOf(queries);
  if (any === MATCH_ALL) return MATCH_NONE;
  return any === MATCH_NONE ? MATCH_ALL : { bool: { must_not: [any] } };
}

function isQuery(of: Expression, values: readonly FilterValue[]): Query {
  if (of.kind === "constant") {
    // No row is looked at for what is the same of all.
    return holds({ kind: "is", of, values }, {} as ServedTraffic) ? MATCH_ALL : MATCH_NONE;
  }
  const field = fieldOf(of.column);
  const shown = of.when === undefined ? MATCH_ALL : predicateQuery(of.when);
  const absent = values.some(({ kind }) => kind === "absent") ? [noneOf([allOf([shown, { exists: { field } }])])] : [];
  return anyOf([...absent, allOf([shown, valuesQuery(of.column, field, values)])]);
}

function valuesQuery(column: Column, field: string, values: readonly FilterValue[]): Query {
  const equal = values.flatMap((value) => (value.kind === "equal" ? [termOf(column, value.value)] : []));
  const others = values.map((value) => comparisonQuery(field, value));
  return anyOf([equal.length === 0 ? MATCH_NONE : { terms: { [field]: equal } }, ...others]);
}

function termOf(column: Column, value: string | number | boolean): string | number | boolean {
  return isAddress(column) ? addressBits(IpAddress.parse(String(value))) : value;
}

function comparisonQuery(field: string, value: FilterValue): Query {
  switch (value.kind) {
    case "pattern":
      // Of the signs that mean something there, only the star does here.
      return { wildcard: { [field]: { value: value.pattern.replaceAll(/[\\?]/g, "\\$&") } } };
    case "range":
      return { range: { [field]: { gte: value.first, lte: value.last } } };
    case "prefix": {
      const [first, last] = [Cidr.first(value.prefix), Cidr.last(value.prefix)];
      return { range: { [field]: { gte: addressBits(first), lte: addressBits(last) } } };
    }
    case "equal":
    case "absent":
      return MATCH_NONE;
  }
}
