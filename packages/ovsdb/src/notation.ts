import { HoldfastError } from "@holdfast/core";
import type { Atom, NamedRef, Row, Value, WhereClause, WireRow, WireValue } from "./ovsdb.ts";
import type { AtomType, ColumnType, TableSchema } from "./schema.ts";

/** RFC 7047 section 5.1: atoms, sets, maps and rows as JSON, and back by the column's type. */

/** A value as JSON, e.g. `[1, 2]` gives `["set", [1, 2]]` and `{ named: "port" }` gives `["named-uuid", "port"]`. */
export function encodeValue(value: WireValue): unknown {
  if (value instanceof Map) return ["map", [...value].map((pair: readonly Atom[]) => pair.map(encodeAtom))];
  if (isSet(value)) return ["set", value.map(encodeAtom)];
  return encodeAtom(value as Atom | NamedRef);
}

export function encodeRow(row: WireRow): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([column, value]) => [column, encodeValue(value)]));
}

export function encodeWhere(where: readonly WhereClause[]): unknown[] {
  return where.map(([column, operator, value]) => [column, operator, encodeValue(value)]);
}

function encodeAtom(atom: Atom | NamedRef): unknown {
  if (typeof atom !== "object") return atom;
  return "named" in atom ? ["named-uuid", atom.named] : ["uuid", atom.uuid];
}

function isSet(value: WireValue): value is readonly (Atom | NamedRef)[] {
  return Array.isArray(value);
}

/**
 * JSON as a value: a `Map` for maps, the atom itself for columns of exactly one, else an array.
 * Integers beyond 2^53 (some statistics) lose their low bits.
 *
 * @throws HoldfastError `unavailable` when the JSON does not fit the type.
 */
export function decodeValue(type: ColumnType, json: unknown): Value {
  if (type.value !== undefined) return decodeMap(type.key, type.value, json);
  const atoms = isTagged(json, "set") ? list(json[1]).map((atom) => decodeAtom(type.key, atom)) : undefined;
  if (type.min !== 1 || type.max !== 1) return atoms ?? [decodeAtom(type.key, json)];
  if (atoms === undefined) return decodeAtom(type.key, json);
  const [only] = atoms;
  if (only === undefined || atoms.length > 1) throw misfit("one value", json);
  return only;
}

function decodeMap(key: AtomType, value: AtomType, json: unknown): ReadonlyMap<Atom, Atom> {
  if (!isTagged(json, "map")) throw misfit("a map", json);
  return new Map(
    list(json[1]).map((pair) => {
      const [first, second] = list(pair);
      return [decodeAtom(key, first), decodeAtom(value, second)];
    }),
  );
}

function decodeAtom(type: AtomType, json: unknown): Atom {
  switch (type) {
    case "integer":
    case "real":
      if (typeof json === "number") return json;
      break;
    case "boolean":
      if (typeof json === "boolean") return json;
      break;
    case "string":
      if (typeof json === "string") return json;
      break;
    case "uuid":
      if (isTagged(json, "uuid") && typeof json[1] === "string") return { uuid: json[1] };
      break;
  }
  throw misfit(type, json);
}

/** What a column holds when nobody wrote it (RFC 7047 section 5.2.1): also what `update2` notifications leave out. */
export function defaultValue(type: ColumnType): Value {
  if (type.value !== undefined) return new Map();
  if (type.min === 0) return [];
  const atom = defaultAtom(type.key);
  return type.max === 1 ? atom : [atom];
}

function defaultAtom(type: AtomType): Atom {
  switch (type) {
    case "integer":
    case "real":
      return 0;
    case "boolean":
      return false;
    case "string":
      return "";
    case "uuid":
      return { uuid: "00000000-0000-0000-0000-000000000000" };
  }
}

/** A row of a select's answer; `_version` and what the schema does not know are left out. */
export function decodeRow(schema: TableSchema, json: Readonly<Record<string, unknown>>): Row {
  const { _uuid: uuid, ...rest } = decodeColumns(schema, json);
  return { uuid: typeof uuid === "object" && "uuid" in uuid ? uuid.uuid : "", columns: rest };
}

export function decodeColumns(schema: TableSchema, json: Readonly<Record<string, unknown>>): Record<string, Value> {
  const columns: Record<string, Value> = {};
  for (const [name, value] of Object.entries(json)) {
    const type = schema.get(name);
    if (type !== undefined) columns[name] = decodeValue(type, value);
  }
  return columns;
}

/** Whether two values of one column are the same; sets have no order. */
export function sameValue(a: Value, b: Value): boolean {
  if (a instanceof Map && b instanceof Map) {
    return a.size === b.size && [...a].every(([key, value]) => b.has(key) && sameAtom(value, b.get(key)));
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    const keys = new Set(a.map(atomKey));
    return a.length === b.length && b.every((atom) => keys.has(atomKey(atom)));
  }
  return !(a instanceof Map) && !(b instanceof Map) && sameAtom(a as Atom, b as Atom);
}

export function sameAtom(a: Atom | undefined, b: Atom | undefined): boolean {
  return a !== undefined && b !== undefined && atomKey(a) === atomKey(b);
}

/** Equal for equal atoms of one column. */
export function atomKey(atom: Atom): string | number | boolean {
  return typeof atom === "object" ? atom.uuid : atom;
}

function isTagged(json: unknown, tag: "set" | "map" | "uuid"): json is readonly unknown[] {
  return Array.isArray(json) && json[0] === tag;
}

function list(json: unknown): readonly unknown[] {
  if (!Array.isArray(json)) throw misfit("a list", json);
  return json;
}

function misfit(wanted: string, json: unknown): HoldfastError {
  const text = (JSON.stringify(json) ?? "nothing").slice(0, 80);
  return new HoldfastError("unavailable", `the database server sent ${text} where ${wanted} belongs`);
}
