import { holds } from "../condition.ts";
import { isObject } from "../json-rpc.ts";
import { decodeValue } from "../notation.ts";
import type { Row, Value, WhereClause } from "../ovsdb.ts";
import type { ColumnType, TableSchema } from "../schema.ts";
import { FakeError } from "./fake-constraints.ts";

/** The table of an operation, and the types of its columns. */
export interface Target {
  readonly table: string;
  readonly types: TableSchema;
}

/** Whether all the clauses hold for the row. */
export function matches(row: Row, clauses: readonly WhereClause[]): boolean {
  return clauses.every(([column, operator, value]) => holds(columnOf(row, column), operator, value));
}

export function columnOf(row: Row, column: string): Value {
  return column === "_uuid" ? { uuid: row.uuid } : (row.columns[column] ?? []);
}

/** The named columns, `_uuid` among them when it is named; absent: all. */
export function pick(
  row: Row,
  names: readonly string[] = ["_uuid", ...Object.keys(row.columns)],
): Record<string, Value> {
  return Object.fromEntries(names.map((name) => [name, columnOf(row, name)]));
}

/** The type of a column that the table must have. */
export function columnType({ table, types }: Target, column: string): ColumnType {
  const type = types.get(column);
  if (type === undefined) throw new FakeError("unknown column", `No column ${column} in table ${table}.`);
  return type;
}

/** The columns of a row as it comes over the wire. */
export function readRow(target: Target, json: unknown): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(isObject(json) ? json : {}).map(([name, value]) => [name, read(columnType(target, name), value)]),
  );
}

/** A value as it comes over the wire. */
export function read(type: ColumnType, json: unknown): Value {
  try {
    return decodeValue(type, json);
  } catch (error) {
    throw new FakeError("syntax error", String(error));
  }
}

/** A condition on a set or map column may name any number of elements. */
export function readCondition(type: ColumnType, json: unknown): Value {
  return read({ ...type, min: 0, max: type.max === 1 && type.min === 1 ? 1 : Number.POSITIVE_INFINITY }, json);
}
