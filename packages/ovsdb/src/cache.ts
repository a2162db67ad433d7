import { assert, HoldfastError } from "@holdfast/core";
import { sameValue } from "./notation.ts";
import type { Row, RowChange } from "./ovsdb.ts";
import type { RowUpdate } from "./row-update.ts";
import { UuidMap } from "./uuid-map.ts";

/** The monitored tables as they last were, each an immutable map that the next update replaces. */
export class Cache {
  readonly #tables: Map<string, UuidMap<Row>>;

  constructor(tables: Iterable<string>) {
    this.#tables = new Map(Iterator.from(tables).map((name) => [name, UuidMap.empty<Row>()]));
  }

  /** Asking for a table that is not monitored is a bug. */
  table(name: string): UuidMap<Row> {
    const table = this.#tables.get(name);
    assert(table !== undefined, `table ${name} is monitored`);
    return table;
  }

  /** Takes over what the server says has changed. @throws HoldfastError `unavailable` when it does not fit: out of step. */
  apply(updates: readonly RowUpdate[]): RowChange[] {
    return updates.flatMap((update) => {
      const before = this.table(update.table).get(update.uuid);
      return this.#set(update, before, changed(update, before));
    });
  }

  /** Takes over the whole content, as after a reconnect; gives only what differs, and keeps the rows that do not. */
  replace(updates: readonly RowUpdate[]): RowChange[] {
    const present = new Set(updates.map(({ uuid }) => uuid));
    const gone = [...this.#tables].flatMap(([table, rows]) =>
      [...rows.keys()]
        .filter((uuid) => !present.has(uuid))
        .map((uuid): RowUpdate => ({ table, uuid, change: { kind: "delete" } })),
    );
    const differing = updates.filter((update) => {
      const before = this.table(update.table).get(update.uuid);
      const after = changed(update, before);
      return before === undefined || after === undefined || !sameRow(before, after);
    });
    return this.apply([...gone, ...differing]);
  }

  #set({ table, uuid }: RowUpdate, before: Row | undefined, after: Row | undefined): RowChange[] {
    const rows = this.table(table);
    if (after !== undefined) {
      this.#tables.set(table, rows.with(uuid, after));
      return [before === undefined ? { table, uuid, after } : { table, uuid, before, after }];
    }
    if (before === undefined) return [];
    this.#tables.set(table, rows.without(uuid));
    return [{ table, uuid, before }];
  }
}

function changed({ table, uuid, change }: RowUpdate, before: Row | undefined): Row | undefined {
  switch (change.kind) {
    case "put":
      return { uuid, columns: change.columns };
    case "patch":
      if (before === undefined) throw outOfStep(table, uuid);
      return { uuid, columns: change.apply(before.columns) };
    case "delete":
      return undefined;
  }
}

function sameRow(a: Row, b: Row): boolean {
  const names = new Set([...Object.keys(a.columns), ...Object.keys(b.columns)]);
  return names.values().every((name) => {
    const [left, right] = [a.columns[name], b.columns[name]];
    return left !== undefined && right !== undefined && sameValue(left, right);
  });
}

function outOfStep(table: string, uuid: string): HoldfastError {
  return new HoldfastError("unavailable", `the server changed row ${uuid} of ${table}, which it never told us about`);
}
