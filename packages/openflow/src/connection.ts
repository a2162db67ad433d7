import { connect, type Socket } from "node:net";
import { type Clock, HoldfastError } from "@holdfast/core";
import { echoReply, echoRequest, hello, setConfig, wantNothingElse } from "./messages.ts";
import { MessageType, VERSION } from "./protocol.ts";
import { Deframer, type Reply, readErrorName } from "./replies.ts";

/** Receives what the switch says about one request, until it is forgotten. */
export interface Listener {
  reply(reply: Reply): void;
  /** The connection has ended. */
  lost(error: HoldfastError): void;
}

/** Silence after which the switch is asked whether it lives, and after which it is given up, in milliseconds. */
const PROBE_AFTER = 5000;
const GIVE_UP_AFTER = 15_000;

const WRONG_VERSION = "the bridge does not speak OpenFlow 1.4; add OpenFlow14 to its column protocols";

/** One OpenFlow 1.4 connection after its handshake. */
export class Connection {
  readonly #socket: Socket;
  readonly #listeners = new Map<number, Listener>();
  readonly #deframer = new Deframer();
  readonly #clock: Clock;
  readonly #ended = new AbortController();
  readonly #closed = Promise.withResolvers<HoldfastError>();
  readonly #greeted = Promise.withResolvers<void>();
  #nextXid = 1;
  #packetIn: ((body: Buffer) => void) | undefined;
  #heardAt: number;

  private constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    this.#heardAt = clock.monotonic();
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", (error) => this.#end(unavailable("the OpenFlow connection broke", error)));
    socket.on("close", () => this.#end(unavailable("the switch closed the OpenFlow connection")));
  }

  /**
   * Connects to a bridge's management socket and agrees on OpenFlow 1.4.
   *
   * @throws HoldfastError `unavailable`: no such socket, or the bridge does not speak OpenFlow 1.4 (its column `protocols`).
   */
  static async open(path: string, clock: Clock, signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted();
    const connection = new Connection(connect({ path }), clock);
    const onAbort = (): void => connection.close(unavailable(`gave up connecting to ${path}`, signal.reason));
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      connection.send(hello(connection.takeXids(1)));
      await connection.#greeted.promise;
      // Before any flow.
      connection.send(setConfig(connection.takeXids(1), { packets: false }));
      connection.#watch().catch(() => {});
      return connection;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Resolves with the reason when the connection has ended. */
  get closed(): Promise<HoldfastError> {
    return this.#closed.promise;
  }

  get open(): boolean {
    return !this.#ended.signal.aborted;
  }

  /** The first of `count` transaction ids in a row that nobody else uses. */
  takeXids(count: number): number {
    if (this.#nextXid + count > 0xffff_ffff) this.#nextXid = 1;
    const first = this.#nextXid;
    this.#nextXid += count;
    return first;
  }

  /** Sends everything to the listener that carries one of `count` ids from `first` on. */
  listen(first: number, count: number, listener: Listener): void {
    for (let xid = first; xid < first + count; xid++) this.#listeners.set(xid, listener);
  }

  forget(first: number, count: number): void {
    for (let xid = first; xid < first + count; xid++) this.#listeners.delete(xid);
  }

  /** Asks for the packets that flows send to the controller, and gives them to the listener. What is sent from now on comes after that. */
  wantPackets(listener: (body: Buffer) => void): void {
    this.#packetIn = listener;
    this.send(wantNothingElse(this.takeXids(1)), setConfig(this.takeXids(1), { packets: true }));
  }

  send(...messages: readonly Buffer[]): void {
    if (this.open) this.#socket.write(messages.length === 1 ? (messages[0] ?? "") : Buffer.concat(messages));
  }

  close(reason: HoldfastError): void {
    this.#end(reason);
  }

  #receive(chunk: Buffer): void {
    this.#heardAt = this.#clock.monotonic();
    try {
      for (const reply of this.#deframer.push(chunk)) this.#dispatch(reply);
    } catch (error) {
      this.#end(unavailable("the switch sent an OpenFlow message that cannot be read", error));
    }
  }

  #dispatch(reply: Reply): void {
    const listener = this.#listeners.get(reply.xid);
    if (reply.type === MessageType.hello) this.#greet(reply);
    else if (reply.type === MessageType.echoRequest) this.send(echoReply(reply.xid, reply.body));
    else if (reply.type === MessageType.packetIn) this.#packetIn?.(reply.body);
    else if (listener !== undefined) listener.reply(reply);
    else if (reply.type === MessageType.error && readErrorName(reply.body) === "OFPHFC_INCOMPATIBLE") {
      this.#end(unavailable(WRONG_VERSION));
    }
  }

  /** The version is the highest that both bitmaps have (section 6.3.1), so a switch that has ours may name a higher one. */
  #greet(reply: Reply): void {
    if (reply.version >= VERSION) this.#greeted.resolve();
    else this.#end(unavailable(WRONG_VERSION));
  }

  /** A switch that hangs keeps its socket open: ask it, and give it up when it stays silent. */
  async #watch(): Promise<void> {
    while (this.open) {
      await this.#clock.wait(PROBE_AFTER, this.#ended.signal);
      const silence = this.#clock.monotonic() - this.#heardAt;
      if (silence >= GIVE_UP_AFTER) this.#end(unavailable(`the switch was silent for ${Math.round(silence)} ms`));
      else if (silence >= PROBE_AFTER) this.send(echoRequest(this.takeXids(1)));
    }
  }

  #end(reason: HoldfastError): void {
    if (!this.open) return;
    this.#ended.abort(reason);
    this.#socket.destroy();
    this.#greeted.promise.catch(() => {});
    this.#greeted.reject(reason);
    this.#closed.resolve(reason);
    for (const listener of new Set(this.#listeners.values())) listener.lost(reason);
    this.#listeners.clear();
  }
}

function unavailable(message: string, cause?: unknown): HoldfastError {
  return new HoldfastError("unavailable", message, cause === undefined ? {} : { cause });
}
