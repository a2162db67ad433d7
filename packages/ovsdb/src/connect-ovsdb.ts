import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { backoff, type Clock, errorText, HoldfastError, isHoldfastError, type Logger } from "@holdfast/core";
import { Cache } from "./cache.ts";
import { ChangeFeed } from "./change-feed.ts";
import { createJsonRpc, type JsonRpc, RpcError } from "./json-rpc.ts";
import { checkRequests, type Monitor, type MonitorRequest, type MonitorUpdate, startMonitor } from "./monitor.ts";
import type { OperationResult, OvsdbClient, OvsdbOperation, Row, RowChange } from "./ovsdb.ts";
import { type DatabaseSchema, parseSchema } from "./schema.ts";
import { asRefusal, decodeResults, encodeOperation } from "./transaction.ts";

export interface OvsdbOptions {
  /** The server's unix socket, e.g. `"/run/openvswitch/db.sock"`. */
  readonly path: string;
  /** E.g. `"Open_vSwitch"`. */
  readonly database: string;
  /** What {@link OvsdbClient.table} has. */
  readonly monitors: readonly MonitorRequest[];
  /** Ends the wait for the first connection; afterwards `close` ends the client. */
  readonly signal: AbortSignal;
  /** Milliseconds of silence after which the server is asked for a sign of life; after twice that it counts as dead. Default 5000. */
  readonly probeInterval?: number;
}

/**
 * A client whose cache is filled. Until then it tries again and again, as it does later whenever the connection breaks: the
 * cache then keeps its last state, and what changed meanwhile comes as row changes.
 *
 * @throws HoldfastError `not_found` when the server has no such database, table or column; the signal's reason.
 */
export async function connectOvsdb(
  dependencies: { readonly logger: Logger; readonly clock: Clock },
  options: OvsdbOptions,
): Promise<OvsdbClient> {
  options.signal.throwIfAborted();
  const client = new Client(dependencies, options);
  try {
    await client.ready(options.signal);
    return client;
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** A connection that has been set up and whose changes the cache follows. */
interface Session {
  readonly rpc: JsonRpc;
  readonly schema: DatabaseSchema;
}

class Client implements OvsdbClient {
  readonly #options: OvsdbOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #cache: Cache;
  readonly #feed = new ChangeFeed();
  readonly #closing = new AbortController();
  readonly #job: Promise<void>;
  #session: Session | undefined;
  /** Up to where the cache has followed; undefined: the server must tell everything. */
  #transaction: string | undefined;
  #fatal: HoldfastError | undefined;
  #everReady = false;

  constructor({ logger, clock }: { logger: Logger; clock: Clock }, options: OvsdbOptions) {
    this.#logger = logger.child({ component: "ovsdb" });
    this.#clock = clock;
    this.#options = options;
    this.#cache = new Cache(options.monitors.map(({ table }) => table));
    this.#job = this.#stayConnected();
  }

  get connected(): boolean {
    return this.#session !== undefined;
  }

  table(name: string): ReadonlyMap<string, Row> {
    return this.#cache.table(name);
  }

  async transact(operations: readonly OvsdbOperation[], signal: AbortSignal): Promise<readonly OperationResult[]> {
    signal.throwIfAborted();
    const session = this.#session;
    if (session === undefined) {
      throw new HoldfastError("unavailable", "not connected to the switch's database; nothing was sent, try again");
    }
    const params = [this.#options.database, ...operations.map(encodeOperation)];
    const answer = await session.rpc.request("transact", params, signal).catch((error: unknown) => {
      throw asRefusal(error);
    });
    return decodeResults(session.schema, operations, answer);
  }

  until<T>(probe: (client: OvsdbClient) => T | undefined, signal: AbortSignal): Promise<T> {
    return this.#feed.until(() => probe(this), signal);
  }

  watch(signal: AbortSignal): AsyncIterable<RowChange> {
    return this.#feed.watch(signal);
  }

  async ready(signal: AbortSignal): Promise<void> {
    await this.until((client) => {
      if (this.#fatal !== undefined) throw this.#fatal;
      return client.connected || undefined;
    }, signal);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#job;
    this.#feed.close();
  }

  async #stayConnected(): Promise<void> {
    const closing = this.#closing.signal;
    for (let attempt = 0; !closing.aborted; attempt++) {
      try {
        const lost = await this.#connection(() => {
          attempt = -1;
        });
        if (!closing.aborted) this.#logger.warn("database connection lost", { error: errorText(lost) });
      } catch (error) {
        if (closing.aborted) return;
        this.#giveUp(error);
        this.#logger.warn("database connection failed", { error: errorText(error), attempt });
      }
      await this.#clock.wait(backoff(Math.max(0, attempt)), closing).catch(() => undefined);
    }
  }

  /** What trying again does not cure is the answer to who waits for the first connection. */
  #giveUp(error: unknown): void {
    if (this.#everReady || !isHoldfastError(error, "not_found")) return;
    this.#fatal = error;
    this.#feed.emit([]);
  }

  /** One connection from its first byte to its end; gives the reason of the end. */
  async #connection(onReady: () => void): Promise<HoldfastError> {
    const { path, probeInterval = 5000 } = this.#options;
    const socket = await openSocket(path, this.#closing.signal);
    const early: (readonly [string, readonly unknown[]])[] = [];
    let follow = (method: string, params: readonly unknown[]): void => void early.push([method, params]);
    const rpc = createJsonRpc({ clock: this.#clock }, socket, {
      probeInterval,
      onNotification: (method, params) => follow(method, params),
    });
    const onClosing = (): void => rpc.close();
    this.#closing.signal.addEventListener("abort", onClosing, { once: true });
    try {
      const { schema, monitor } = await this.#setUp(rpc);
      follow = (method, params) => this.#follow(monitor.decode(method, params));
      this.#start({ rpc, schema }, monitor);
      for (const [method, params] of early) follow(method, params);
      onReady();
      return await rpc.closed;
    } finally {
      this.#closing.signal.removeEventListener("abort", onClosing);
      this.#session = undefined;
      this.#feed.emit([]);
      rpc.close();
      await rpc.closed;
    }
  }

  async #setUp(rpc: JsonRpc): Promise<{ schema: DatabaseSchema; monitor: Monitor }> {
    const { database, monitors } = this.#options;
    const signal = this.#closing.signal;
    const schema = parseSchema(await rpc.request("get_schema", [database], signal).catch(asMissingDatabase(database)));
    checkRequests(schema, monitors);
    const since = this.#transaction === undefined ? {} : { since: this.#transaction };
    this.#transaction = undefined;
    return { schema, monitor: await startMonitor(rpc, { schema, requests: monitors, ...since }, signal) };
  }

  #start(session: Session, { method, complete, first }: Monitor): void {
    const changes = this.#takeOver(first, (updates) =>
      complete ? this.#cache.replace(updates) : this.#cache.apply(updates),
    );
    this.#session = session;
    this.#everReady = true;
    this.#logger.info("database connected", { method, changes: changes.length });
    this.#feed.emit(changes);
  }

  #follow(update: MonitorUpdate | undefined): void {
    if (update === undefined) return;
    this.#feed.emit(this.#takeOver(update, (updates) => this.#cache.apply(updates)));
  }

  /** When the cache throws, it is out of step, and the next connection begins with everything. */
  #takeOver(
    { updates, transaction }: MonitorUpdate,
    apply: (updates: MonitorUpdate["updates"]) => RowChange[],
  ): RowChange[] {
    this.#transaction = undefined;
    const changes = apply(updates);
    this.#transaction = transaction;
    return changes;
  }
}

function asMissingDatabase(database: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof RpcError)) throw error;
    throw new HoldfastError("not_found", `the database server has no database ${database}: ${error.message}`);
  };
}

async function openSocket(path: string, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ path });
  try {
    await once(socket, "connect", { signal });
    return socket;
  } catch (cause) {
    socket.destroy();
    signal.throwIfAborted();
    throw new HoldfastError("unavailable", `cannot reach the switch's database at ${path}; is ovsdb-server running?`, {
      cause,
    });
  }
}
