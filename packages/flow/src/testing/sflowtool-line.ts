import type { FieldValue } from "../describe/record.ts";

/** A line of `sflowtool -J`: all values are texts. */
export interface SflowtoolLine {
  readonly [key: string]: string | readonly SflowtoolLine[] | readonly string[];
}

/** All eight groups of four digits, as sflowtool prints IPv6. */
export function longV6(address: string): string {
  const [head = "", tail = ""] = address.split("::");
  const [left, right] = [head, tail].map((part) => part.split(":").filter((group) => group !== ""));
  const zeros = address.includes("::") ? 8 - (left?.length ?? 0) - (right?.length ?? 0) : 0;
  return [...(left ?? []), ...Array.from({ length: zeros }, () => "0"), ...(right ?? [])]
    .map((group) => group.padStart(4, "0"))
    .join(":");
}

/** An address of no type, the one `null` of a flow record, is all zeros. */
export function text(value: FieldValue | undefined): string {
  return value === null ? "0.0.0.0" : String(value as string | number);
}

/** Without colons. */
export function plainMac(value: FieldValue | undefined): string {
  return String(value as string).replaceAll(":", "");
}
