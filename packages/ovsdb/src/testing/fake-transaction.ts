import { isObject } from "../json-rpc.ts";
import { defaultValue, encodeRow, sameValue } from "../notation.ts";
import type { Row, Value, WhereClause } from "../ovsdb.ts";
import type { DatabaseSchema } from "../schema.ts";
import { UuidMap } from "../uuid-map.ts";
import { columnType, matches, pick, readCondition, readRow, type Target } from "./fake-columns.ts";
import { checkValue, FakeError, isMutable, type Tables } from "./fake-constraints.ts";
import { mutated } from "./fake-mutation.ts";

type Json = Readonly<Record<string, unknown>>;

/** The tables on the way from one state to the next, operation by operation. */
export class Draft {
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

function lists(json: unknown): (readonly unknown[])[] {
  return Array.isArray(json) ? json.filter((each) => Array.isArray(each)) : [];
}

function immutable(table: string, column: string): FakeError {
  return new FakeError("constraint violation", `Cannot change immutable column ${column} in table ${table}.`);
}
