import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { JsonFraming } from "../json-framing.ts";
import { isObject } from "../json-rpc.ts";
import type { Row } from "../ovsdb.ts";
import { UuidMap } from "../uuid-map.ts";
import type { Tables } from "./fake-constraints.ts";
import { difference, FakeDatabase } from "./fake-database.ts";
import { FakeMonitor } from "./fake-monitor.ts";
import { FAKE_SCHEMA } from "./fake-schema.ts";
import { runVswitchd } from "./fake-vswitchd.ts";
import { showSwitch } from "./show-switch.ts";

export type MonitorMethod = "monitor" | "monitor_cond" | "monitor_cond_since";

export interface FakeOvsdbOptions {
  /** Socket to listen on. Absent: one in the abstract name space (unix(7)), which leaves no file behind. */
  readonly path?: string;
  /** Which interfaces of type `""` have a network device. Absent: all. */
  readonly deviceExists?: (name: string) => boolean;
  /** What the server knows; the others are an "unknown method". Default: all. */
  readonly monitorMethods?: readonly MonitorMethod[];
  /** How many transactions back `monitor_cond_since` can go on from. Default 100. */
  readonly history?: number;
}

/** An `ovsdb-server` with an `ovs-vswitchd` in memory, on a real socket. `String(fake)` is what `ovs-vsctl show` would print. */
export interface FakeOvsdbServer extends AsyncDisposable {
  readonly path: string;
  /** The next transaction fails with this error, at the given operation (default 0; beyond the last: at commit). */
  failNext(failure: { readonly error: string; readonly details?: string; readonly operation?: number }): void;
  /** Ends every connection at once, as a crash would; new ones are welcome. */
  dropConnections(): void;
  /** Connections stay, but nothing is read or answered any more. */
  freeze(): void;
  /** Stops or resumes what ovs-vswitchd does: no port numbers, no `cur_cfg`. */
  pauseSwitch(): void;
  resumeSwitch(): void;
  /** To be called when what `deviceExists` says has changed. */
  devicesChanged(): void;
  /** Carries out operations in wire form, as another client would. */
  transact(operations: readonly unknown[]): unknown[];
  rows(table: string): readonly Row[];
  /** Methods that clients have called, in order. */
  readonly calls: readonly string[];
  toString(): string;
  stop(): Promise<void>;
}

const INTERFACE_TYPES = ["geneve", "gre", "internal", "patch", "system", "tap", "vxlan"];

export async function startFakeOvsdbServer(options: FakeOvsdbOptions = {}): Promise<FakeOvsdbServer> {
  const fake = new Fake(options.path ?? `\0hf-fake-ovsdb-${randomUUID()}`, options);
  await fake.listen();
  return fake;
}

interface Connection {
  readonly socket: Socket;
  readonly monitors: { readonly method: MonitorMethod; readonly monitor: FakeMonitor }[];
}

type Failure = Parameters<FakeOvsdbServer["failNext"]>[0];

class Fake implements FakeOvsdbServer {
  readonly path: string;
  readonly calls: string[] = [];
  readonly #options: FakeOvsdbOptions;
  readonly #database = new FakeDatabase();
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #states: { readonly transaction: string; readonly tables: Tables }[] = [];
  #lastTransaction = 0;
  #failure: Failure | undefined;
  #frozen = false;
  #paused = false;
  #scheduled = false;

  constructor(path: string, options: FakeOvsdbOptions) {
    this.path = path;
    this.#options = options;
    this.#server = createServer((socket) => this.#accept(socket));
    const words = (list: readonly string[]): unknown => ["set", list];
    const row = {
      ovs_version: "3.1.0",
      datapath_types: words(["netdev", "system"]),
      iface_types: words(INTERFACE_TYPES),
    };
    this.#database.transact([{ op: "insert", table: "Open_vSwitch", row }]);
    this.#remember();
  }

  async listen(): Promise<void> {
    this.#server.listen(this.path);
    await once(this.#server, "listening");
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    this.dropConnections();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  failNext(failure: Failure): void {
    this.#failure = failure;
  }

  dropConnections(): void {
    for (const { socket } of this.#connections) socket.destroy();
    this.#connections.clear();
  }

  freeze(): void {
    this.#frozen = true;
  }

  pauseSwitch(): void {
    this.#paused = true;
  }

  resumeSwitch(): void {
    this.#paused = false;
    this.devicesChanged();
  }

  devicesChanged(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#paused) return;
      this.#change(() => runVswitchd(this.#database, this.#options.deviceExists ?? (() => true)));
    });
  }

  transact(operations: readonly unknown[]): unknown[] {
    const results = this.#change(() => this.#database.transact(operations));
    this.devicesChanged();
    return results;
  }

  rows(table: string): readonly Row[] {
    return this.#database.rows(table);
  }

  toString(): string {
    return showSwitch(this.#database);
  }

  #accept(socket: Socket): void {
    const connection: Connection = { socket, monitors: [] };
    const framing = new JsonFraming();
    this.#connections.add(connection);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#connections.delete(connection));
    socket.on("data", (chunk: Buffer) => {
      if (this.#frozen) return;
      for (const message of framing.push(chunk)) if (isObject(message)) this.#receive(connection, message);
    });
  }

  #receive(connection: Connection, { id, method, params }: Readonly<Record<string, unknown>>): void {
    if (typeof method !== "string" || id === null) return;
    this.calls.push(method);
    const answer = this.#answer(connection, method, Array.isArray(params) ? params : []);
    const message = "error" in answer ? { id, result: null, error: answer.error } : { id, ...answer, error: null };
    connection.socket.write(JSON.stringify(message));
  }

  #answer(
    connection: Connection,
    method: string,
    params: readonly unknown[],
  ): { result: unknown } | { error: unknown } {
    if (method === "echo") return { result: params };
    const { monitorMethods = ["monitor", "monitor_cond", "monitor_cond_since"] } = this.#options;
    const known = ["get_schema", "transact", ...monitorMethods];
    if (!known.includes(method)) return { error: "unknown method" };
    if (params[0] !== FAKE_SCHEMA.name) {
      return { error: { error: "unknown database", details: `no database named ${String(params[0])}` } };
    }
    if (method === "get_schema") return { result: FAKE_SCHEMA };
    if (method === "transact") return { result: this.#transact(params.slice(1)) };
    return { result: this.#monitor(connection, method as MonitorMethod, params) };
  }

  #transact(operations: readonly unknown[]): unknown[] {
    const failure = this.#failure;
    if (failure === undefined) return this.transact(operations);
    this.#failure = undefined;
    const { operation = 0, error, details = "made up by the test" } = failure;
    const results: unknown[] = operations.map((_, index) => (index < operation ? {} : null));
    results[Math.min(operation, operations.length)] = { error, details };
    return results;
  }

  #monitor(connection: Connection, method: MonitorMethod, [, id, requests, since]: readonly unknown[]): unknown {
    const monitor = new FakeMonitor(this.#database.schema, { id, version: method === "monitor" ? 1 : 2, requests });
    connection.monitors.push({ method, monitor });
    const known = this.#states.find(({ transaction }) => transaction === since);
    if (method === "monitor_cond_since" && known !== undefined) {
      return [true, this.#transactionId, monitor.encode(difference(known.tables, this.#database.tables)) ?? {}];
    }
    const empty = new Map([...this.#database.tables.keys()].map((table) => [table, UuidMap.empty<Row>()]));
    const everything = monitor.encode(difference(empty, this.#database.tables), true) ?? {};
    return method === "monitor_cond_since" ? [false, this.#transactionId, everything] : everything;
  }

  /** Runs what may change the database, and tells the connections before anything else is sent to them. */
  #change<T>(action: () => T): T {
    const before = this.#database.tables;
    const result = action();
    const changes = difference(before, this.#database.tables);
    if (changes.length === 0) return result;
    this.#remember();
    for (const { socket, monitors } of this.#frozen ? [] : this.#connections) {
      for (const { method, monitor } of monitors) {
        const updates = monitor.encode(changes);
        if (updates === undefined) continue;
        const [name, params] = notification(method, [monitor.id, this.#transactionId, updates]);
        socket.write(JSON.stringify({ id: null, method: name, params }));
      }
    }
    return result;
  }

  get #transactionId(): string {
    return `00000000-0000-4000-9000-${this.#lastTransaction.toString(16).padStart(12, "0")}`;
  }

  #remember(): void {
    this.#lastTransaction++;
    const { history = 100 } = this.#options;
    const state = { transaction: this.#transactionId, tables: this.#database.tables };
    this.#states = history === 0 ? [] : [...this.#states.slice(1 - history), state];
  }
}

function notification(
  method: MonitorMethod,
  [id, transaction, updates]: readonly [unknown, string, unknown],
): [string, unknown[]] {
  switch (method) {
    case "monitor":
      return ["update", [id, updates]];
    case "monitor_cond":
      return ["update2", [id, updates]];
    case "monitor_cond_since":
      return ["update3", [id, transaction, updates]];
  }
}
