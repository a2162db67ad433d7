import type { FlowKey } from "@holdfast/model";
import type { Column } from "../output/table.ts";
import { keyText } from "./key-text.ts";

/** A line of an answer. A text for its key: it is of no single group, e.g. `"(total)"`. */
export type GroupRow<T> = T & { readonly key: FlowKey | string };

/** The groups of an answer, all others together if there are any, and the total. */
export function groupRows<T extends object>(
  { groups, other }: { readonly groups: readonly GroupRow<T>[]; readonly other: T & { readonly groups: number } },
  total: T,
): readonly GroupRow<T>[] {
  const others = other.groups > 0 ? [{ ...other, key: `(${other.groups} others)` }] : [];
  return [...groups, ...others, { ...total, key: "(total)" }];
}

/** A column for each field; what is of no single group is named in the first. @param title of what is not told apart */
export function keyColumns(by: readonly string[], title: string): readonly Column<GroupRow<object>>[] {
  const names = by.length === 0 ? [title] : by;
  return names.map((name, index) => ({
    title: name.toUpperCase(),
    text: ({ key }) => (typeof key === "string" ? (index === 0 ? key : " ") : keyText(key, name)),
  }));
}
