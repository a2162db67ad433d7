import { isObject } from "../json-rpc.ts";
import { atomKey } from "../notation.ts";
import type { Atom, Row, UuidRef, Value } from "../ovsdb.ts";
import type { DatabaseSchema } from "../schema.ts";
import type { UuidMap } from "../uuid-map.ts";
import { FAKE_SCHEMA } from "./fake-schema.ts";

export type Tables = ReadonlyMap<string, UuidMap<Row>>;

/** An operation's or a commit's `error` and `details` (RFC 7047 section 3.1, `<error>`). */
export class FakeError extends Error {
  readonly error: string;

  constructor(error: string, details: string) {
    super(details);
    this.error = error;
  }

  get json(): { readonly error: string; readonly details: string } {
    return { error: this.error, details: this.message };
  }
}

const RAW = FAKE_SCHEMA.tables;

export function isMutable(table: string, column: string): boolean {
  return RAW[table]?.columns[column]?.mutable !== false;
}

/** How many elements a column has, and which they may be. @throws FakeError `constraint violation`. */
export function checkValue(schema: DatabaseSchema, [table, column]: readonly [string, string], value: Value): void {
  const type = schema.tables.get(table)?.get(column);
  const atoms = atomsOf(value);
  if (type === undefined || atoms.length < type.min || atoms.length > type.max) {
    throw new FakeError("constraint violation", `${atoms.length} elements in column ${column} of table ${table}`);
  }
  const base = baseType(RAW[table]?.columns[column]?.type);
  for (const atom of atoms) {
    if (typeof atom === "number" && (atom < base.minInteger || atom > base.maxInteger)) {
      throw new FakeError("constraint violation", `${atom} is not in the valid range`);
    }
    if (base.words !== undefined && !base.words.includes(atom)) {
      throw new FakeError("constraint violation", `${String(atomKey(atom))} is not one of the allowed values`);
    }
  }
}

/**
 * What a commit does beyond its operations: rows of tables that are not root tables go when nothing refers to them; then
 * references must point at rows, and names must be unique.
 *
 * @throws FakeError `referential integrity violation`, `constraint violation`.
 */
export function settle(schema: DatabaseSchema, tables: Tables): Tables {
  const alive = reachable(tables);
  const settled = new Map(
    [...tables].map(([table, rows]) => [table, RAW[table]?.isRoot === true ? rows : keep(rows, alive)] as const),
  );
  checkIndexes(schema, settled);
  return settled;
}

function reachable(tables: Tables): ReadonlySet<string> {
  const alive = new Set<string>();
  const visit = (table: string, row: Row): void => {
    for (const [target, { uuid }] of referencesOf(table, row)) {
      const found = tables.get(target)?.get(uuid);
      if (found === undefined) {
        throw new FakeError("referential integrity violation", `${table} row ${row.uuid} refers to no ${target} row`);
      }
      if (alive.has(uuid)) continue;
      alive.add(uuid);
      visit(target, found);
    }
  };
  for (const [table, rows] of tables) {
    if (RAW[table]?.isRoot === true) for (const row of rows.values()) visit(table, row);
  }
  return alive;
}

function referencesOf(table: string, row: Row): [target: string, UuidRef][] {
  return Object.entries(RAW[table]?.columns ?? {}).flatMap(([column, { type }]) => {
    const target = baseType(type).refTable;
    if (target === undefined) return [];
    return atomsOf(row.columns[column] ?? []).flatMap((atom): [string, UuidRef][] =>
      typeof atom === "object" ? [[target, atom]] : [],
    );
  });
}

function keep(rows: UuidMap<Row>, alive: ReadonlySet<string>): UuidMap<Row> {
  let kept = rows;
  for (const uuid of rows.keys()) if (!alive.has(uuid)) kept = kept.without(uuid);
  return kept;
}

function checkIndexes(schema: DatabaseSchema, tables: Tables): void {
  for (const table of schema.tables.keys()) {
    for (const columns of RAW[table]?.indexes ?? []) {
      const seen = new Set<string>();
      for (const row of tables.get(table)?.values() ?? []) {
        const key = JSON.stringify(columns.map((column) => row.columns[column]));
        if (seen.has(key)) {
          const what = `multiple rows in "${table}" table to have identical values (${key}) for index on column "name"`;
          throw new FakeError("constraint violation", `Transaction causes ${what}`);
        }
        seen.add(key);
      }
    }
  }
}

/** A set's elements, a map's keys, or the one atom. */
export function atomsOf(value: Value): readonly Atom[] {
  if (value instanceof Map) return [...(value as ReadonlyMap<Atom, Atom>).keys()];
  return Array.isArray(value) ? (value as readonly Atom[]) : [value as Atom];
}

interface BaseType {
  readonly refTable?: string;
  readonly words?: readonly unknown[];
  readonly minInteger: number;
  readonly maxInteger: number;
}

function baseType(type: unknown): BaseType {
  const key = isObject(type) && isObject(type.key) ? type.key : {};
  const words = Array.isArray(key.enum) && Array.isArray(key.enum[1]) ? { words: key.enum[1] as unknown[] } : {};
  return {
    ...(typeof key.refTable === "string" ? { refTable: key.refTable } : {}),
    ...words,
    minInteger: Number(key.minInteger ?? Number.NEGATIVE_INFINITY),
    maxInteger: Number(key.maxInteger ?? Number.POSITIVE_INFINITY),
  };
}
