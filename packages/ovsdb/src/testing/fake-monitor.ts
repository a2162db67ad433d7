import { holds } from "../condition.ts";
import { isObject } from "../json-rpc.ts";
import { atomKey, defaultValue, encodeValue, sameAtom, sameValue } from "../notation.ts";
import type { Atom, Row, RowChange, Value, WhereClause } from "../ovsdb.ts";
import type { ColumnType, DatabaseSchema } from "../schema.ts";
import { columnOf, readCondition } from "./fake-columns.ts";

/** What one connection asked to be told, in the words of `monitor` (version 1) or `monitor_cond` (version 2). */
export class FakeMonitor {
  readonly id: unknown;
  readonly #schema: DatabaseSchema;
  readonly #version: 1 | 2;
  readonly #requests: ReadonlyMap<string, Request>;

  constructor(schema: DatabaseSchema, { id, version, requests }: { id: unknown; version: 1 | 2; requests: unknown }) {
    this.id = id;
    this.#schema = schema;
    this.#version = version;
    this.#requests = new Map(
      Object.entries(isObject(requests) ? requests : {}).map(([table, request]) => [
        table,
        readRequest(schema, table, Array.isArray(request) ? request[0] : request),
      ]),
    );
  }

  /** The changes as `<table-updates>` or `<table-updates2>`; undefined when none concerns this monitor. */
  encode(changes: readonly RowChange[], isInitial = false): Record<string, unknown> | undefined {
    const tables: Record<string, Record<string, unknown>> = {};
    for (const change of changes) {
      const request = this.#requests.get(change.table);
      const encoded = request === undefined ? undefined : this.#encodeRow(request, change, isInitial);
      if (encoded === undefined) continue;
      tables[change.table] ??= {};
      Object.assign(tables[change.table] ?? {}, { [change.uuid]: encoded });
    }
    return Object.keys(tables).length === 0 ? undefined : tables;
  }

  #encodeRow(request: Request, change: RowChange, isInitial: boolean): unknown {
    const before = seen(request, change.before);
    const after = seen(request, change.after);
    const { columns } = request;
    if (before === undefined && after === undefined) return undefined;
    if (after === undefined) return this.#version === 2 ? { delete: null } : { old: whole(columns, change.before) };
    if (before === undefined) {
      if (this.#version === 1) return { new: whole(columns, after) };
      return { [isInitial ? "initial" : "insert"]: this.#withoutDefaults(change.table, columns, after) };
    }
    const differing = columns.filter((name) => !sameValue(columnOf(before, name), columnOf(after, name)));
    if (differing.length === 0) return undefined;
    if (this.#version === 1) return { old: whole(differing, before), new: whole(columns, after) };
    const types = this.#schema.tables.get(change.table);
    return {
      modify: Object.fromEntries(
        differing.map((name) => [
          name,
          encodeValue(valueDifference(types?.get(name), columnOf(before, name), columnOf(after, name))),
        ]),
      ),
    };
  }

  #withoutDefaults(table: string, columns: readonly string[], row: Row): Record<string, unknown> {
    const types = this.#schema.tables.get(table);
    return whole(
      columns.filter((name) => {
        const type = types?.get(name);
        return type !== undefined && !sameValue(columnOf(row, name), defaultValue(type));
      }),
      row,
    );
  }
}

interface Request {
  readonly columns: readonly string[];
  readonly where: readonly WhereClause[];
}

function readRequest(schema: DatabaseSchema, table: string, json: unknown): Request {
  const { columns, where } = isObject(json) ? json : {};
  const types = schema.tables.get(table);
  const all = [...(types?.keys() ?? [])].filter((name) => name !== "_uuid");
  const clauses = (Array.isArray(where) ? where : []).flatMap((clause: unknown) => {
    const [column, operator, value] = Array.isArray(clause) ? clause : [];
    const type = types?.get(String(column));
    return type === undefined ? [] : [[String(column), operator, readCondition(type, value)] as WhereClause];
  });
  return { columns: Array.isArray(columns) ? columns.map(String) : all, where: clauses };
}

function seen({ where }: Request, row: Row | undefined): Row | undefined {
  if (row === undefined || where.length === 0) return row;
  return where.some(([column, operator, value]) => holds(columnOf(row, column), operator, value)) ? row : undefined;
}

function whole(columns: readonly string[], row: Row | undefined): Record<string, unknown> {
  if (row === undefined) return {};
  return Object.fromEntries(columns.map((name) => [name, encodeValue(columnOf(row, name))]));
}

function valueDifference(type: ColumnType | undefined, before: Value, after: Value): Value {
  if (type === undefined || type.max === 1) return after;
  if (before instanceof Map && after instanceof Map) {
    const gone = [...(before as ReadonlyMap<Atom, Atom>)].filter(([key]) => !after.has(key));
    const set = [...(after as ReadonlyMap<Atom, Atom>)].filter(([key, value]) => !sameAtom(before.get(key), value));
    return new Map([...gone, ...set]);
  }
  const [old, fresh] = [before as readonly Atom[], after as readonly Atom[]];
  const [oldKeys, freshKeys] = [new Set(old.map(atomKey)), new Set(fresh.map(atomKey))];
  return [
    ...old.filter((atom) => !freshKeys.has(atomKey(atom))),
    ...fresh.filter((atom) => !oldKeys.has(atomKey(atom))),
  ];
}
