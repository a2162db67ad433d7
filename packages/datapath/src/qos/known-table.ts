import type { TableDefinition } from "../reconcile/operations.ts";

/** A table that remembers what the kernel has of it. */
export interface KnownTable<T> {
  readonly definition: TableDefinition<T>;
  /** Others may have changed it: it is read again before anything is written. */
  forget(): void;
}

/** Things that are made, changed and removed one by one. */
export interface KnownTarget<T> extends Pick<TableDefinition<T>, "name" | "key" | "same"> {
  /** All of ours. */
  list(signal: AbortSignal): Promise<readonly T[]>;
  set(row: T, signal: AbortSignal): Promise<void>;
  remove(row: T, signal: AbortSignal): Promise<void>;
}

/** What there is, is read once and known from then on, so that what is right is not touched; after a failure it is read again. */
export function createKnownTable<T>({ name, key, same, ...target }: KnownTarget<T>): KnownTable<T> {
  let known: Map<string, T> | undefined;

  async function read(signal: AbortSignal): Promise<Map<string, T>> {
    known ??= new Map((await target.list(signal)).map((row) => [key(row), row]));
    return known;
  }

  async function set(row: T, signal: AbortSignal): Promise<void> {
    const before = (await read(signal)).get(key(row));
    if (before !== undefined && same(before, row)) return;
    await writing(() => target.set(row, signal));
    known?.set(key(row), row);
  }

  async function remove(row: T, signal: AbortSignal): Promise<void> {
    if (!(await read(signal)).has(key(row))) return;
    await writing(() => target.remove(row, signal));
    known?.delete(key(row));
  }

  /** Whether it was done is not known when it fails. */
  async function writing(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      known = undefined;
      throw error;
    }
  }

  return {
    definition: {
      name,
      key,
      same,
      operations: {
        async update(rows, signal) {
          for (const row of rows) await set(row, signal);
        },
        async remove(rows, signal) {
          for (const row of rows) await remove(row, signal);
        },
        async prune(desired, signal) {
          const wanted = new Set(desired.map(key));
          for (const row of [...(await read(signal)).values()]) if (!wanted.has(key(row))) await remove(row, signal);
        },
      },
    },
    forget() {
      known = undefined;
    },
  };
}
