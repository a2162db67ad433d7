import { HoldfastError } from "@holdfast/core";
import type { RowRef, TableDefinition } from "./operations.ts";

/** How rows of one kind are read from and written to a target that takes them one by one. */
export interface ObservedRows<T> {
  readonly name: string;
  readonly key: (row: T) => string;
  readonly same: (a: T, b: T) => boolean;
  readonly needs?: (row: T) => readonly RowRef[];
  /** Everything of ours that the target has. */
  readonly list: () => Promise<readonly T[]>;
  readonly put: (row: T) => Promise<void>;
  readonly take: (row: T) => Promise<void>;
}

/** A table that knows what its target has, so that what is right is not written again: not even by an agent that has just started. */
export interface ObservedTable<T> {
  readonly definition: TableDefinition<T>;
  /** Rows that the target had when it was last listed, with our changes since. */
  readonly present: ReadonlyMap<string, T>;
  /** Lists the target. Before the first row is set, and whenever changes may have been missed. */
  observe(): Promise<void>;
  /** The target says that a row is gone; whether it was one that we believed to be there. */
  lost(row: T): boolean;
}

export function observedTable<T>({ name, key, same, list, put, take, needs }: ObservedRows<T>): ObservedTable<T> {
  let present: Map<string, T> | undefined;
  const known = (): Map<string, T> => {
    if (present === undefined) throw new HoldfastError("internal", `bug: ${name} are set before they were listed`);
    return present;
  };
  const observe = async (): Promise<void> => {
    present = new Map((await list()).map((row) => [key(row), row]));
  };
  const remove = async (rows: Iterable<T>): Promise<void> => {
    for (const row of rows) {
      // First: the target's word of it is then no news.
      known().delete(key(row));
      await take(row);
    }
  };
  return {
    observe,
    get present() {
      return known();
    },
    lost: (row) => known().delete(key(row)),
    definition: {
      name,
      key,
      same,
      ...(needs === undefined ? {} : { needs }),
      operations: {
        async update(rows) {
          for (const row of rows) {
            const before = known().get(key(row));
            if (before !== undefined && same(before, row)) continue;
            await put(row);
            known().set(key(row), row);
          }
        },
        remove,
        async prune(desired) {
          await observe();
          const wanted = new Set(desired.map(key));
          await remove([...known().values()].filter((row) => !wanted.has(key(row))));
        },
      },
    },
  };
}
