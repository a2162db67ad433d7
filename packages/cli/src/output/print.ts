import { stringify } from "yaml";
import type { CliIo } from "../io.ts";
import { type Column, formatTable } from "./table.ts";

export const outputFormats = ["table", "json", "yaml"] as const;
export type OutputFormat = (typeof outputFormats)[number];
/** What long exports are printed as, a line each. */
export const exportFormats = ["csv", "jsonl"] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** Prints one object as asked; `details` is for people. */
export function printObject(io: CliIo, format: OutputFormat, object: unknown, details: string): void {
  io.out(format === "table" ? details : machineText(format, object));
}

/** Prints a list as asked; `empty` is what people read when there is nothing. */
export function printList<T>(
  io: CliIo,
  format: OutputFormat,
  items: readonly T[],
  people: { readonly columns: readonly Column<T>[]; readonly empty: string },
): void {
  if (format !== "table") io.out(machineText(format, { items }));
  else io.out(items.length === 0 ? `${people.empty}\n` : formatTable(people.columns, items));
}

export function machineText(format: "json" | "yaml", value: unknown): string {
  return format === "json" ? `${JSON.stringify(value, null, 2)}\n` : stringify(value);
}
