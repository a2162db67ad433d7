import { HoldfastError } from "@holdfast/core";
import { isObject } from "./json-rpc.ts";

export type AtomType = "integer" | "real" | "boolean" | "string" | "uuid";

/** What a column holds (RFC 7047 section 3.2, `<type>`). */
export interface ColumnType {
  readonly key: AtomType;
  /** Of maps only. */
  readonly value?: AtomType;
  /** 0 or 1. */
  readonly min: number;
  /** At least 1; `Infinity` for unlimited. Exactly one element when `min` is 1 too: the column is an atom, not a set. */
  readonly max: number;
}

/** Columns by name, `_uuid` included. */
export type TableSchema = ReadonlyMap<string, ColumnType>;

export interface DatabaseSchema {
  readonly name: string;
  /** E.g. `"8.3.1"`. */
  readonly version: string;
  readonly tables: ReadonlyMap<string, TableSchema>;
}

const ONE_UUID: ColumnType = { key: "uuid", min: 1, max: 1 };

/**
 * Reads the answer of `get_schema`.
 *
 * @throws HoldfastError `unavailable` when it is no schema.
 */
export function parseSchema(json: unknown): DatabaseSchema {
  const { name, version, tables } = object(json, "schema");
  return {
    name: String(name),
    version: String(version),
    tables: new Map(entries(tables, "tables").map(([table, body]) => [table, parseTable(table, body)])),
  };
}

function parseTable(table: string, json: unknown): TableSchema {
  const { columns } = object(json, table);
  const parsed = entries(columns, table).map(
    ([name, body]) => [name, parseType(object(body, `${table}.${name}`).type)] as const,
  );
  return new Map<string, ColumnType>([["_uuid", ONE_UUID], ...parsed]);
}

function parseType(json: unknown): ColumnType {
  if (typeof json === "string") return { key: atomType(json), min: 1, max: 1 };
  const { key, value, min = 1, max = 1 } = object(json, "column type");
  const bounds = { min: Number(min), max: max === "unlimited" ? Number.POSITIVE_INFINITY : Number(max) };
  const keyType = baseType(key);
  return value === undefined ? { key: keyType, ...bounds } : { key: keyType, value: baseType(value), ...bounds };
}

function baseType(json: unknown): AtomType {
  return atomType(typeof json === "string" ? json : String(object(json, "base type").type));
}

function atomType(word: string): AtomType {
  switch (word) {
    case "integer":
    case "real":
    case "boolean":
    case "string":
    case "uuid":
      return word;
    default:
      throw unreadable(`type ${word}`);
  }
}

function object(json: unknown, what: string): Readonly<Record<string, unknown>> {
  if (!isObject(json)) throw unreadable(what);
  return json;
}

function entries(json: unknown, what: string): [string, unknown][] {
  return Object.entries(object(json, what));
}

function unreadable(what: string): HoldfastError {
  return new HoldfastError("unavailable", `the database server's schema cannot be read at ${what}`);
}
