import type { Entry } from "@holdfast/store";
import { labelFilter } from "../reading/lists.ts";

/** What an entry holds, with its revision. */
export function objectOf<T>(entry: Entry): T & { readonly revision: number } {
  return { ...(JSON.parse(entry.value) as T), revision: entry.revision };
}

/** Reads what is wanted and passes over the rest. */
export function kept<T>(read: (entry: Entry) => T, wanted: (item: T) => boolean): (entry: Entry) => T | undefined {
  return (entry) => {
    const item = read(entry);
    return wanted(item) ? item : undefined;
  };
}

/** Reads what has all labels of a selector. @throws HoldfastError `invalid_argument` when it is none. */
export function labelled<T extends { readonly labels: Readonly<Record<string, string>> }>(
  selector: string | undefined,
  read: (entry: Entry) => T,
): (entry: Entry) => T | undefined {
  const matches = labelFilter(selector);
  return kept(read, ({ labels }) => matches(labels));
}
