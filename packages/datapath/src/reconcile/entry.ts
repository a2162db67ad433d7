import { errorText } from "@holdfast/core";
import type { RowStatus } from "../driver.ts";

/** One row with its reconciliation status. */
export interface Entry<T> {
  readonly key: string;
  row: T;
  /** False: to be removed. */
  wanted: boolean;
  /** Counted up by each change of what is desired; an outcome for an earlier one does not count. */
  revision: number;
  state: "pending" | "done" | "error";
  /** Failed tries in a row. */
  attempts: number;
  error: unknown;
  /** Not to be tried before, in milliseconds of the clock's monotonic time. */
  dueAt: number;
  /** Rows this one holds on to, as texts. */
  refs: ReadonlySet<string>;
}

export function newEntry<T>(key: string, row: T): Entry<T> {
  return {
    key,
    row,
    wanted: true,
    revision: 0,
    state: "pending",
    attempts: 0,
    error: undefined,
    dueAt: 0,
    refs: new Set(),
  };
}

/** Something new is desired: it is tried at once, whatever failed before. */
export function markPending<T>(entry: Entry<T>): void {
  entry.revision++;
  entry.state = "pending";
  entry.attempts = 0;
  entry.error = undefined;
  entry.dueAt = 0;
}

/** Undefined when all is well with the row. */
export function entryStatus<T>(table: string, entry: Entry<T>): RowStatus | undefined {
  const row = `${table} ${entry.key}${entry.wanted ? "" : " (to be removed)"}`;
  switch (entry.state) {
    case "done":
      return undefined;
    case "pending":
      return { row, state: "pending", attempts: entry.attempts };
    case "error":
      return { row, state: "error", attempts: entry.attempts, error: errorText(entry.error) };
  }
}
