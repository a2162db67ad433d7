import { holds } from "../condition.ts";
import { isObject } from "../json-rpc.ts";
import { atomKey, decodeValue, defaultValue, encodeRow, sameAtom, sameValue } from "../notation.ts";
import type { Atom, Row, RowChange, Value, WhereClause } from "../ovsdb.ts";
import { type ColumnType, type DatabaseSchema, parseSchema, type TableSchema } from "../schema.ts";
import { UuidMap } from "../uuid-map.ts";
import { checkValue, FakeError, isMutable, settle, type Tables } from "./fake-constraints.ts";
import { FAKE_SCHEMA } from "./fake-schema.ts";

type Json = Readonly<Record<string, unknown>>;

/** A database in memory with the transactions of RFC 7047 section 5.2; a state, once reached, never changes. */
export class FakeDatabase {
  readonly schema: DatabaseSchema = parseSchema(FAKE_SCHEMA);
  #tables: Tables = new Map([...this.schema.tables.keys()].map((name) => [name, UuidMap.empty<Row>()]));
  #lastUuid = 0;

  get tables(): Tables {
    return this.#tables;
  }

  rows(table: string): Row[] {
    return [...(this.#tables.get(table)?.values() ?? [])];
  }

  /** Carries out the operations, all or none; gives the results as they go over the wire. */
  transact(operations: readonly unknown[]): unknown[] {
    const draft = new Draft(this.schema, this.#tables, () => this.#newUuid());
    const results: unknown[] = [];
    try {
      const resolved = draft.nameInserts(operations);
      for (const operation of resolved) results.push(draft.run(isObject(operation) ? operation : {}));
    } catch (error) {
      if (!(error instanceof FakeError)) throw error;
      results.push(error.json);
      while (results.length < operations.length) results.push(null);
      return results;
    }
    try {
      this.#tables = settle(this.schema, draft.tables);
    } catch (error) {
      if (!(error instanceof FakeError)) throw error;
      results.push(error.json);
    }
    return results;
  }

  /** Deterministic, so that goldens can show them. */
  #newUuid(): string {
    this.#lastUuid++;
    return `00000000-0000-4000-8000-${this.#lastUuid.toString(16).padStart(12, "0")}`;
  }
}

/** What is different between two states, row by row. */
export function difference(before: Tables, after: Tables): RowChange[] {
  return [...after].flatMap(([table, rows]) => {
    const old = before.get(table) ?? UuidMap.empty<Row>();
    if (old === rows) return [];
    const gone = [...old.values()].filter(({ uuid }) => !rows.has(uuid));
    const changed = [...rows.values()].filter((row) => old.get(row.uuid) !== row);
    return [
      ...gone.map((row): RowChange => ({ table, uuid: row.uuid, before: row })),
      ...changed.map((row): RowChange => {
        const previous = old.get(row.uuid);
        return { table, uuid: row.uuid, after: row, ...(previous === undefined ? {} : { before: previous }) };
      }),
    ];
  });
}

class Draft {
  readonly #schema: DatabaseSchema;
  readonly #tables: Map<string, UuidMap<Row>>;
  readonly #newUuid: () => string;

  constructor(schema: DatabaseSchema, tables: Tables, newUuid: () => string) {
    this.#schema = schema;
    this.#tables = new Map(tables);
    this.#newUuid = newUuid;
  }

  get tables(): Tables {
    return this.#tables;
  }

  /** Gives each insert its UUID, and puts it wherever its name is used: before the insert, too. */
  nameInserts(operations: readonly unknown[]): unknown[] {
    const names = new Map<unknown, string>();
    const withUuids = operations.filter(isObject).map((operation) => {
      if (operation.op !== "insert") return operation;
      const uuid = this.#newUuid();
      const name = operation["uuid-name"];
      if (name !== undefined) {
        if (names.has(name))
          throw new FakeError("duplicate uuid-name", `This "uuid-name" appeared before: ${JSON.stringify(name)}`);
        names.set(name, uuid);
      }
      return { ...operation, uuid };
    });
    const resolve = (json: unknown): unknown => {
      if (Array.isArray(json)) {
        if (json[0] !== "named-uuid") return json.map(resolve);
        const uuid = names.get(json[1]);
        if (uuid === undefined) throw new FakeError("syntax error", `no such named-uuid: ${String(json[1])}`);
        return ["uuid", uuid];
      }
      if (!isObject(json)) return json;
      return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, resolve(value)]));
    };
    return withUuids.map(resolve);
  }

  run(operation: Json): unknown {
    const table = String(operation.table);
    const types = this.#schema.tables.get(table);
    if (types === undefined) throw new FakeError("syntax error", `No table named ${table}.`);
    const target: Target = { table, types };
    switch (operation.op) {
      case "insert":
        return this.#insert(target, operation);
      case "update":
        return this.#update(target, operation);
      case "mutate":
        return this.#mutate(target, operation);
      case "delete":
        return this.#delete(target, operation);
      case "select":
        return this.#select(target, operation);
      case "wait":
        return this.#wait(target, operation);
      default:
        throw new FakeError("syntax error", `No operation ${String(operation.op)}.`);
    }
  }

  #insert(target: Target, { row, uuid }: Json): unknown {
    const columns = [...target.types].filter(([name]) => name !== "_uuid");
    const defaults = Object.fromEntries(columns.map(([name, type]) => [name, defaultValue(type)]));
    const given = readRow(target, row);
    for (const [name, value] of Object.entries(given)) checkValue(this.#schema, [target.table, name], value);
    this.#put(target, { uuid: String(uuid), columns: { ...defaults, ...given } });
    return { uuid: ["uuid", uuid] };
  }

  #update(target: Target, { where, row }: Json): unknown {
    const given = readRow(target, row);
    for (const [name, value] of Object.entries(given)) {
      if (!isMutable(target.table, name)) throw immutable(target.table, name);
      checkValue(this.#schema, [target.table, name], value);
    }
    const found = this.#find(target, where);
    for (const each of found) this.#put(target, { ...each, columns: { ...each.columns, ...given } });
    return { count: found.length };
  }

  #mutate(target: Target, { where, mutations }: Json): unknown {
    const found = this.#find(target, where);
    for (const row of found) {
      const columns: Record<string, Value> = { ...row.columns };
      for (const [column, mutator, json] of lists(mutations)) {
        const name = String(column);
        if (!isMutable(target.table, name)) throw immutable(target.table, name);
        columns[name] = mutated(columnType(target, name), columns[name] ?? [], [String(mutator), json]);
        checkValue(this.#schema, [target.table, name], columns[name]);
      }
      this.#put(target, { ...row, columns });
    }
    return { count: found.length };
  }

  #delete(target: Target, { where }: Json): unknown {
    const found = this.#find(target, where);
    for (const { uuid } of found) this.#tables.set(target.table, this.#rows(target).without(uuid));
    return { count: found.length };
  }

  #select(target: Target, { where, columns }: Json): unknown {
    const found = this.#find(target, where);
    return { rows: found.map((row) => encodeRow(pick(row, Array.isArray(columns) ? columns.map(String) : undefined))) };
  }

  #wait(target: Target, { where, columns, until, rows }: Json): unknown {
    const names = Array.isArray(columns) ? columns.map(String) : [...target.types.keys()];
    const actual = this.#find(target, where).map((row) => pick(row, names));
    const wanted = (Array.isArray(rows) ? rows : []).map((row) => readRow(target, row));
    const same = (a: Readonly<Record<string, Value>>, b: Readonly<Record<string, Value>>): boolean =>
      names.every((name) => sameValue(a[name] ?? [], b[name] ?? []));
    const equal =
      actual.every((row) => wanted.some((other) => same(row, other))) &&
      wanted.every((row) => actual.some((other) => same(row, other)));
    if (equal !== (until === "==")) throw new FakeError("timed out", '"wait" timed out after 0 ms');
    return {};
  }

  #find(target: Target, where: unknown): Row[] {
    const clauses = lists(where).map(
      ([column, operator, json]) =>
        [String(column), operator, readCondition(columnType(target, String(column)), json)] as WhereClause,
    );
    const [only] = clauses;
    if (only?.[0] === "_uuid" && only[1] === "==" && typeof only[2] === "object" && "uuid" in only[2]) {
      const row = this.#rows(target).get(String(only[2].uuid));
      return row === undefined || !matches(row, clauses) ? [] : [row];
    }
    return [
      ...this.#rows(target)
        .values()
        .filter((row) => matches(row, clauses)),
    ];
  }

  #rows({ table }: Target): UuidMap<Row> {
    return this.#tables.get(table) ?? UuidMap.empty<Row>();
  }

  #put(target: Target, row: Row): void {
    this.#tables.set(target.table, this.#rows(target).with(row.uuid, row));
  }
}

interface Target {
  readonly table: string;
  readonly types: TableSchema;
}

function matches(row: Row, clauses: readonly WhereClause[]): boolean {
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

function columnType({ table, types }: Target, column: string): ColumnType {
  const type = types.get(column);
  if (type === undefined) throw new FakeError("unknown column", `No column ${column} in table ${table}.`);
  return type;
}

function readRow(target: Target, json: unknown): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(isObject(json) ? json : {}).map(([name, value]) => [name, read(columnType(target, name), value)]),
  );
}

function read(type: ColumnType, json: unknown): Value {
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

function mutated(type: ColumnType, before: Value, [mutator, json]: readonly [string, unknown]): Value {
  if (mutator === "+=" || mutator === "-=") {
    const step = Number(json);
    return Number(before) + (mutator === "+=" ? step : -step);
  }
  if (before instanceof Map) return mutatedMap(type, before as ReadonlyMap<Atom, Atom>, [mutator, json]);
  const given = read({ ...type, min: 0, max: Number.POSITIVE_INFINITY }, json) as readonly Atom[];
  const keys = new Set(given.map(atomKey));
  const others = (before as readonly Atom[]).filter((atom) => !keys.has(atomKey(atom)));
  return mutator === "insert" ? [...others, ...given] : others;
}

/** Keys that exist keep their value on insert; a deletion names keys, or pairs that must be equal. */
function mutatedMap(
  type: ColumnType,
  before: ReadonlyMap<Atom, Atom>,
  [mutator, json]: readonly [string, unknown],
): ReadonlyMap<Atom, Atom> {
  const isMap = Array.isArray(json) && json[0] === "map";
  if (mutator === "insert") return new Map([...(read(type, json) as ReadonlyMap<Atom, Atom>), ...before]);
  const after = new Map(before);
  if (isMap) {
    for (const [key, value] of read(type, json) as ReadonlyMap<Atom, Atom>) {
      if (sameAtom(after.get(key), value)) after.delete(key);
    }
    return after;
  }
  const keys = read({ key: type.key, min: 0, max: Number.POSITIVE_INFINITY }, json) as readonly Atom[];
  for (const key of keys) after.delete(key);
  return after;
}

function lists(json: unknown): (readonly unknown[])[] {
  return Array.isArray(json) ? json.filter((each) => Array.isArray(each)) : [];
}

function immutable(table: string, column: string): FakeError {
  return new FakeError("constraint violation", `Cannot change immutable column ${column} in table ${table}.`);
}
