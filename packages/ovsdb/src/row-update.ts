import { HoldfastError } from "@holdfast/core";
import { isObject } from "./json-rpc.ts";
import { atomKey, decodeColumns, decodeValue, defaultValue, sameAtom } from "./notation.ts";
import type { Atom, Value } from "./ovsdb.ts";
import type { ColumnType, DatabaseSchema, TableSchema } from "./schema.ts";

type Columns = Readonly<Record<string, Value>>;

/** One row's part of a notification. */
export interface RowUpdate {
  readonly table: string;
  readonly uuid: string;
  readonly change:
    | { readonly kind: "put"; readonly columns: Columns }
    /** `apply` gives all columns from the ones before. */
    | { readonly kind: "patch"; readonly apply: (before: Columns) => Columns }
    | { readonly kind: "delete" };
}

/** The monitored columns of each table, which a new row has all of. */
export type MonitoredColumns = ReadonlyMap<string, readonly string[]>;

/** Both are part of one request's life: what the server tells about, and the types of it. */
export interface UpdateContext {
  readonly schema: DatabaseSchema;
  readonly columns: MonitoredColumns;
}

/** The `<table-updates>` of `monitor` and `update` (RFC 7047 section 4.1.6): whole rows under `new`, old parts under `old`. */
export function decodeUpdates(context: UpdateContext, json: unknown): RowUpdate[] {
  return eachRow(context, json, (_table, types, body) => {
    if (!isObject(body.new)) return { kind: "delete" };
    return { kind: "put", columns: decodeColumns(types, body.new) };
  });
}

/** The `<table-updates2>` of `monitor_cond` and `update2` (ovsdb-server(7) section 4.1.14): defaults left out, differences. */
export function decodeUpdates2(context: UpdateContext, json: unknown): RowUpdate[] {
  return eachRow(context, json, (table, types, body) => {
    const whole = body.initial ?? body.insert;
    if (isObject(whole)) {
      const columns = { ...defaults(types, context.columns.get(table) ?? []), ...decodeColumns(types, whole) };
      return { kind: "put", columns };
    }
    const { modify } = body;
    if (isObject(modify)) return { kind: "patch", apply: (before) => patch(types, before, modify) };
    return { kind: "delete" };
  });
}

type Decode = (table: string, types: TableSchema, body: Readonly<Record<string, unknown>>) => RowUpdate["change"];

function eachRow({ schema }: UpdateContext, json: unknown, decode: Decode): RowUpdate[] {
  if (!isObject(json)) throw new HoldfastError("unavailable", "the database server sent an update without tables");
  return Object.entries(json).flatMap(([table, rows]) => {
    const types = schema.tables.get(table);
    if (types === undefined || !isObject(rows)) return [];
    return Object.entries(rows).map(([uuid, body]) => ({
      table,
      uuid,
      change: decode(table, types, isObject(body) ? body : {}),
    }));
  });
}

function defaults(types: TableSchema, columns: readonly string[]): Columns {
  const row: Record<string, Value> = {};
  for (const column of columns) {
    const type = types.get(column);
    if (type !== undefined) row[column] = defaultValue(type);
  }
  return row;
}

function patch(types: TableSchema, before: Columns, modify: Readonly<Record<string, unknown>>): Columns {
  const after: Record<string, Value> = { ...before };
  for (const [column, json] of Object.entries(modify)) {
    const type = types.get(column);
    if (type !== undefined) after[column] = applyDifference(type, before[column] ?? defaultValue(type), json);
  }
  return after;
}

/**
 * Columns of at most one element come whole. In larger sets, what is in one of both is the difference; in maps an unknown key
 * is new, a known key with the same value is gone, with another value has that value.
 */
function applyDifference(type: ColumnType, before: Value, json: unknown): Value {
  const difference = decodeValue(type, json);
  if (type.max === 1) return difference;
  if (before instanceof Map && difference instanceof Map) return patchMap(before, difference);
  return symmetricDifference(before as readonly Atom[], difference as readonly Atom[]);
}

function symmetricDifference(before: readonly Atom[], difference: readonly Atom[]): readonly Atom[] {
  const changed = new Map(difference.map((atom) => [atomKey(atom), atom]));
  const kept = before.filter((atom) => !changed.delete(atomKey(atom)));
  return [...kept, ...changed.values()];
}

function patchMap(before: ReadonlyMap<Atom, Atom>, difference: ReadonlyMap<Atom, Atom>): ReadonlyMap<Atom, Atom> {
  const after = new Map(before);
  for (const [key, value] of difference) {
    if (sameAtom(after.get(key), value)) after.delete(key);
    else after.set(key, value);
  }
  return after;
}
