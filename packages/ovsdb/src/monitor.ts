import { assert, HoldfastError } from "@holdfast/core";
import { holds } from "./condition.ts";
import { type JsonRpc, RpcError } from "./json-rpc.ts";
import { encodeWhere } from "./notation.ts";
import type { Value, WhereClause } from "./ovsdb.ts";
import { decodeUpdates, decodeUpdates2, type RowUpdate, type UpdateContext } from "./row-update.ts";
import type { DatabaseSchema } from "./schema.ts";

/** What to keep a copy of: a table, at most once each. */
export interface MonitorRequest {
  readonly table: string;
  /** Absent: all of the table's columns. */
  readonly columns?: readonly string[];
  /** Only rows for which any of these clauses holds (the server's rule for monitors); absent or empty: all rows. */
  readonly where?: readonly WhereClause[];
}

/** What the server tells: everything, or what has changed since the transaction that was named. */
export interface MonitorUpdate {
  readonly updates: readonly RowUpdate[];
  /** Where a later monitor can go on from; absent where the server does not tell. */
  readonly transaction?: string;
}

/** How far a connection's monitor has come with the server's methods; a server without one answers "unknown method". */
const METHODS = ["monitor_cond_since", "monitor_cond", "monitor"] as const;
type Method = (typeof METHODS)[number];
const NOTIFICATIONS: Readonly<Record<Method, string>> = {
  monitor_cond_since: "update3",
  monitor_cond: "update2",
  monitor: "update",
};

/** Any value will do: there is one monitor per connection. */
const MONITOR_ID = "holdfast";
const NO_TRANSACTION = "00000000-0000-0000-0000-000000000000";

/** A monitor that runs on one connection. */
export interface Monitor {
  readonly method: Method;
  /** Whether `first` is all there is, not what changed since the transaction that was named. */
  readonly complete: boolean;
  readonly first: MonitorUpdate;
  /** Undefined for notifications that are none of this monitor's. */
  decode(method: string, params: readonly unknown[]): MonitorUpdate | undefined;
}

/** @throws HoldfastError `unavailable`; `switch_rejected` with the server's words. */
export async function startMonitor(
  rpc: JsonRpc,
  { schema, requests, since }: { schema: DatabaseSchema; requests: readonly MonitorRequest[]; since?: string },
  signal: AbortSignal,
): Promise<Monitor> {
  for (const method of METHODS) {
    try {
      const wire = Object.fromEntries(requests.map((request) => [request.table, encodeRequest(method, request)]));
      const position = method === "monitor_cond_since" ? [since ?? NO_TRANSACTION] : [];
      const answer = await rpc.request(method, [schema.name, MONITOR_ID, wire, ...position], signal);
      return createMonitor(method, answer, { schema, requests });
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (error.error !== "unknown method") {
        throw new HoldfastError("switch_rejected", `the database server refused to be monitored: ${error.message}`);
      }
    }
  }
  throw new HoldfastError("switch_rejected", "the database server knows no way to be monitored");
}

function createMonitor(
  method: Method,
  answer: unknown,
  { schema, requests }: { schema: DatabaseSchema; requests: readonly MonitorRequest[] },
): Monitor {
  const context: UpdateContext = {
    schema,
    columns: new Map(requests.map((request) => [request.table, columnsOf(schema, request)])),
  };
  const read = (json: unknown): RowUpdate[] =>
    method === "monitor" ? filter(decodeUpdates(context, json), requests) : decodeUpdates2(context, json);
  const [found, transaction, updates] =
    method === "monitor_cond_since" && Array.isArray(answer) ? answer : [false, undefined, answer];
  return {
    method,
    complete: found !== true,
    first: update(read(updates), transaction),
    decode(notification, params) {
      if (notification !== NOTIFICATIONS[method] || params[0] !== MONITOR_ID) return undefined;
      return method === "monitor_cond_since" ? update(read(params[2]), params[1]) : update(read(params[1]), undefined);
    },
  };
}

function update(updates: readonly RowUpdate[], transaction: unknown): MonitorUpdate {
  return typeof transaction === "string" && transaction !== NO_TRANSACTION ? { updates, transaction } : { updates };
}

function encodeRequest(method: Method, { columns, where }: MonitorRequest): unknown {
  const chosen = columns === undefined ? {} : { columns };
  if (method !== "monitor") return [{ ...chosen, where: encodeWhere(where ?? []) }];
  const needed = new Set([...(columns ?? []), ...(where ?? []).map(([column]) => column)]);
  return columns === undefined ? {} : { columns: [...needed].filter((column) => column !== "_uuid") };
}

function columnsOf(schema: DatabaseSchema, { table, columns }: MonitorRequest): readonly string[] {
  return columns ?? [...(schema.tables.get(table)?.keys() ?? [])].filter((column) => column !== "_uuid");
}

/** Conditions for a server that has none; `monitor` sends whole rows, so that each can be judged by itself. */
function filter(updates: readonly RowUpdate[], requests: readonly MonitorRequest[]): RowUpdate[] {
  const byTable = new Map(requests.map((request) => [request.table, request]));
  return updates.map((each) => {
    const { columns, where = [] } = byTable.get(each.table) ?? {};
    const { change } = each;
    if (change.kind !== "put") return each;
    const row: Readonly<Record<string, Value>> = { ...change.columns, _uuid: { uuid: each.uuid } };
    const wanted =
      where.length === 0 || where.some(([column, operator, value]) => holds(row[column] ?? [], operator, value));
    if (!wanted) return { ...each, change: { kind: "delete" } };
    const entries = Object.entries(change.columns).filter(([name]) => columns?.includes(name) ?? true);
    return { ...each, change: { kind: "put", columns: Object.fromEntries(entries) } };
  });
}

/** @throws HoldfastError `not_found` when the schema lacks a table or column that is to be monitored. */
export function checkRequests(schema: DatabaseSchema, requests: readonly MonitorRequest[]): void {
  assert(new Set(requests.map(({ table }) => table)).size === requests.length, "each table is monitored once");
  for (const { table, columns = [], where = [] } of requests) {
    const types = schema.tables.get(table);
    const unknown = [...columns, ...where.map(([column]) => column)].find((column) => types?.has(column) !== true);
    if (types === undefined || unknown !== undefined) {
      const what = types === undefined ? `table ${table}` : `column ${unknown} in table ${table}`;
      const remedy = "use the Open vSwitch version that Holdfast asks for";
      throw new HoldfastError("not_found", `database ${schema.name} ${schema.version} has no ${what}; ${remedy}`);
    }
  }
}
