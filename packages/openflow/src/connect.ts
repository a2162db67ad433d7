import { backoff, type Clock, errorText, HoldfastError, isHoldfastError, type Logger } from "@holdfast/core";
import { ApplyQueue } from "./apply-queue.ts";
import { commitBundle } from "./bundle.ts";
import { Connection } from "./connection.ts";
import type { ConnectionTuple, WholeZone } from "./connections.ts";
import { multipart, sendAllAndWait, sendAndWait } from "./exchange.ts";
import {
  deleteMeter,
  flowStatsRequest,
  flushConnection,
  meterConfigRequest,
  meterMod,
  packetOut,
  portDescriptionRequest,
} from "./messages.ts";
import { formatMeter, type Meter, readMeters } from "./meter.ts";
import { readFlowStats, readPacketIn, readPorts } from "./replies.ts";
import { sortFlows } from "./sort-flows.ts";
import type { FlowChange, ObservedFlow, OpenFlowSwitch, PacketIn, SwitchPort } from "./switch.ts";

/** Longest pause between tries to connect, in milliseconds: a local socket costs nothing to try. */
const LONGEST_PAUSE = 1000;

/** Longest handshake, in milliseconds. */
const HANDSHAKE_LIMIT = 5000;

/** What {@link connectOpenFlow} needs. */
export interface OpenFlowDependencies {
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Options of {@link connectOpenFlow}. */
export interface OpenFlowOptions {
  /** The bridge's management socket, e.g. `"/run/openvswitch/br-int.mgmt"`. */
  readonly path: string;
  /** Ends the connection and all tries. */
  readonly signal: AbortSignal;
  /**
   * Called each time a connection stands, also the first time. A switch that was restarted has lost its flows, so what was
   * applied before must be compared again.
   */
  readonly onConnected?: () => void;
}

/**
 * Speaks OpenFlow 1.4 with one bridge, and connects again when the connection breaks.
 *
 * Work under way when it breaks is rejected as `unavailable`, and whether it was done is not known. Work that comes during a
 * try to connect waits for that try; between tries it is rejected at once.
 */
export function connectOpenFlow(dependencies: OpenFlowDependencies, options: OpenFlowOptions): OpenFlowSwitch {
  return new OpenFlowClient(dependencies, options);
}

class OpenFlowClient implements OpenFlowSwitch {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #options: OpenFlowOptions;
  readonly #stop = new AbortController();
  readonly #queue: ApplyQueue;
  readonly #run: Promise<void>;
  /** The connection, or the try to get one. */
  #connection: Promise<Connection>;
  #connected = false;
  readonly #listeners: ((packet: PacketIn) => void)[] = [];

  constructor({ clock, logger }: OpenFlowDependencies, options: OpenFlowOptions) {
    this.#clock = clock;
    this.#logger = logger.child({ component: "openflow", socket: options.path });
    this.#options = options;
    this.#queue = new ApplyQueue(async (mods) => commitBundle(await this.#connection, mods));
    this.#connection = this.#try();
    this.#run = this.#keepConnected();
  }

  get connected(): boolean {
    return this.#connected;
  }

  apply(change: FlowChange, signal: AbortSignal): Promise<void> {
    return this.#queue.apply(change, signal);
  }

  async dump(filter?: { readonly cookie: bigint; readonly mask: bigint }): Promise<readonly ObservedFlow[]> {
    const { cookie, mask } = filter ?? { cookie: 0n, mask: 0n };
    const request = (xid: number): Buffer => flowStatsRequest(xid, cookie & mask, mask);
    const flows = await multipart(await this.#connection, request, readFlowStats);
    return sortFlows(flows);
  }

  async meters(): Promise<readonly Meter[]> {
    const meters = await multipart(await this.#connection, meterConfigRequest, readMeters);
    return meters.toSorted((a, b) => a.id - b.id);
  }

  async setMeter(meter: Meter): Promise<void> {
    const connection = await this.#connection;
    const refused = await refusalOf(sendAndWait(connection, (xid) => meterMod(xid, "add", meter)));
    const isThere = refused === "OFPMMFC_METER_EXISTS";
    const error = isThere ? await refusalOf(sendAndWait(connection, (xid) => meterMod(xid, "modify", meter))) : refused;
    if (error === undefined) return;
    const text = `the switch refused a meter: ${error}: ${formatMeter(meter)}`;
    throw new HoldfastError("switch_rejected", text, { details: { error } });
  }

  async removeMeter(id: number): Promise<void> {
    await sendAndWait(await this.#connection, (xid) => deleteMeter(xid, id));
  }

  async ports(): Promise<readonly SwitchPort[]> {
    return multipart(await this.#connection, portDescriptionRequest, readPorts);
  }

  async packetOut(packet: Parameters<OpenFlowSwitch["packetOut"]>[0]): Promise<void> {
    await sendAndWait(await this.#connection, (xid) => packetOut(xid, packet));
  }

  async forgetConnections(connections: readonly (ConnectionTuple | WholeZone)[]): Promise<void> {
    const messages = connections.map((each) => (xid: number) => flushConnection(xid, each));
    await sendAllAndWait(await this.#connection, messages);
  }

  listen(listener: (packet: PacketIn) => void): void {
    const first = this.#listeners.length === 0;
    this.#listeners.push(listener);
    // Of a connection that is only tried for now, nothing has been asked yet.
    if (first) this.#connection.then((connection) => this.#askForPackets(connection)).catch(() => {});
  }

  #askForPackets(connection: Connection): void {
    connection.wantPackets((body) => {
      const packet = readPacketIn(body);
      for (const listener of this.#listeners) listener(packet);
    });
  }

  async close(): Promise<void> {
    this.#stop.abort(new HoldfastError("unavailable", "the OpenFlow client was closed"));
    await this.#run;
  }

  async #keepConnected(): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, this.#options.signal]);
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const connection = await this.#connection;
        attempt = 0;
        await this.#hold(connection, signal);
      } catch (error) {
        if (attempt === 0 && !signal.aborted)
          this.#logger.warn("cannot connect to switch", { error: errorText(error) });
      }
      if (await this.#paused(attempt, signal)) this.#connection = this.#try();
    }
    this.#connection = rejected(new HoldfastError("unavailable", "the OpenFlow client was closed"));
  }

  /** Stays until the connection ends. */
  async #hold(connection: Connection, signal: AbortSignal): Promise<void> {
    const onAbort = (): void => connection.close(new HoldfastError("unavailable", "the OpenFlow client was closed"));
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    this.#connected = connection.open;
    this.#logger.info("connected to switch");
    // Its errors are the caller's own, not those of the connection.
    if (connection.open) queueMicrotask(() => this.#options.onConnected?.());
    const reason = await connection.closed;
    signal.removeEventListener("abort", onAbort);
    this.#connected = false;
    this.#connection = rejected(reason);
    if (!signal.aborted) this.#logger.warn("lost connection to switch", { error: errorText(reason) });
  }

  async #paused(attempt: number, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#clock.wait(backoff(attempt, { longest: LONGEST_PAUSE }), signal);
      return true;
    } catch {
      return false;
    }
  }

  #try(): Promise<Connection> {
    const signal = AbortSignal.any([this.#stop.signal, this.#options.signal]);
    const limit = new AbortController();
    const overdue = new HoldfastError("timeout", `no OpenFlow hello within ${HANDSHAKE_LIMIT} ms`);
    const done = new AbortController();
    this.#clock.wait(HANDSHAKE_LIMIT, done.signal).then(
      () => limit.abort(overdue),
      () => {},
    );
    const connection = Connection.open(this.#options.path, this.#clock, AbortSignal.any([signal, limit.signal]));
    // Before anything else is sent over it: flows must not send packets before they are wanted.
    const settled = connection
      .then((opened) => {
        if (this.#listeners.length > 0) this.#askForPackets(opened);
        return opened;
      })
      .finally(() => done.abort(overdue));
    settled.catch(() => {});
    return settled;
  }
}

/** The name of the OpenFlow error; undefined: it was done. @throws what is no refusal. */
async function refusalOf(work: Promise<void>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (!isHoldfastError(error, "switch_rejected")) throw error;
    return String(error.details.error);
  }
}

function rejected(error: HoldfastError): Promise<never> {
  const promise = Promise.reject(error);
  promise.catch(() => {});
  return promise;
}
