import { protocolName } from "@holdfast/flow";
import type { FlowKey } from "@holdfast/model";

/** A value of a group, as people write it in filters. */
export function keyText(key: FlowKey, name: string): string {
  const value = key[name] ?? null;
  if (value === null) return "";
  return name === "protocol" && typeof value === "number" ? protocolName(value) : String(value);
}

/** `"shop / redis-0"`. */
export function keyLine(key: FlowKey, by: readonly string[]): string {
  return by.map((name) => keyText(key, name) || "-").join(" / ");
}
