import { Cidr, IpAddress } from "@holdfast/core";
import type { FilterValue } from "@holdfast/flow";
import type { Expression, KeyValue, Predicate } from "./plan.ts";
import { columnValue, type ServedTraffic } from "./row-values.ts";

/** Whether a row is meant, as every back end has to decide it. */
export function holds(predicate: Predicate, row: ServedTraffic): boolean {
  switch (predicate.kind) {
    case "all":
      return predicate.of.every((one) => holds(one, row));
    case "any":
      return predicate.of.some((one) => holds(one, row));
    case "not":
      return !holds(predicate.of, row);
    case "is": {
      const value = evaluate(predicate.of, row);
      const values: readonly KeyValue[] = Array.isArray(value) ? value : [value as KeyValue];
      return predicate.values.some((wanted) =>
        wanted.kind === "absent" ? values.every((one) => one === null) : values.some((one) => matches(wanted, one)),
      );
    }
  }
}

/** What a row has; groups are a list. */
export function evaluate(expression: Expression, row: ServedTraffic): KeyValue | readonly string[] {
  if (expression.kind === "constant") return expression.value;
  const { column, when } = expression;
  const value = columnValue(row, column);
  if (when === undefined || holds(when, row)) return value;
  return Array.isArray(value) ? [] : null;
}

function matches(wanted: Exclude<FilterValue, { kind: "absent" }>, value: KeyValue): boolean {
  if (value === null) return false;
  switch (wanted.kind) {
    case "equal":
      return value === wanted.value;
    case "pattern":
      return globPattern(wanted.pattern).test(String(value));
    case "prefix": {
      const address = IpAddress.tryParse(String(value));
      return address !== undefined && Cidr.contains(wanted.prefix, address);
    }
    case "range":
      return typeof value === "number" && value >= wanted.first && value <= wanted.last;
  }
}

/** `redis-*` as a regular expression; only `*` is special. */
export function globPattern(pattern: string): RegExp {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[\\^$.|?+()[\]{}]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "su");
}
