import { HoldfastError } from "@holdfast/core";

/** Every field in which two values differ, in words: `["quotas.addresses: 10 -> 20", "labels.env: none -> prod"]`. */
export function differences(name: string, before: unknown, after: unknown): string[] {
  if (isRecord(before) || isRecord(after)) {
    const [old, next] = [isRecord(before) ? before : {}, isRecord(after) ? after : {}];
    const keys = new Set([...Object.keys(old), ...Object.keys(next)]);
    return [...keys].flatMap((key) => differences(`${name}.${key}`, old[key], next[key]));
  }
  return isSame(before, after) ? [] : [`${name}: ${valueText(before)} -> ${valueText(after)}`];
}

/** Whether two values say the same; absent and null do. */
export function isSame(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

/** A field that cannot be changed, and is not as a document says. */
export interface Unlike {
  readonly field: string;
  readonly is: unknown;
  readonly wanted: unknown;
}

/** It is refused by its name, rather than passed over. */
export function unchangeable(object: string, { field, is, wanted }: Unlike, remedy: string): HoldfastError {
  const message = `${object}: ${field} is ${valueText(is)}, not ${valueText(wanted)}, and cannot change; ${remedy}`;
  return new HoldfastError("conflict", message, { details: { field } });
}

function valueText(value: unknown): string {
  if (value === undefined || value === null) return "none";
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.map(valueText).join(",");
  if (typeof value === "string") return value;
  if (!isRecord(value)) return JSON.stringify(value);
  const { first, last, ...others } = value;
  const isRange = first !== undefined && Object.keys(others).length === 0;
  return isRange ? `${valueText(first)}-${valueText(last)}` : JSON.stringify(value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function canonical(value: unknown): string {
  if (value === undefined || value === null) return "null";
  if (Array.isArray(value)) return `[${value.map(canonical).sort().join(",")}]`;
  if (!isRecord(value)) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${key}:${canonical(inner)}`).join(",")}}`;
}
