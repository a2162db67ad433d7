import type { Socket } from "node:net";
import { type Clock, errorText, HoldfastError, isHoldfastError } from "@holdfast/core";
import { JsonFraming } from "./json-framing.ts";

/** An answer's `error` member, as the server sent it. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  /** The server's word, e.g. `"unknown method"`, `"unknown database"`, `"syntax error"`. */
  readonly error: string;

  constructor(error: unknown) {
    const { error: word, details } = isObject(error) ? error : { error, details: undefined };
    super(typeof details === "string" ? `${String(word)}: ${details}` : String(word));
    this.error = String(word);
  }
}

/** JSON-RPC 1.0 over one stream socket (RFC 7047 section 4), which lives as long as the socket. */
export interface JsonRpc {
  /**
   * @throws RpcError the server's refusal; HoldfastError `unavailable` when the connection ended first; the signal's reason
   * (the request has been sent: whether it was carried out is unknown).
   */
  request(method: string, params: readonly unknown[], signal: AbortSignal): Promise<unknown>;
  /** Settles once, when the connection has ended; never rejects. */
  readonly closed: Promise<HoldfastError>;
  close(): void;
}

export interface JsonRpcOptions {
  /** Called for each notification, in order with the answers: an answer's promise resolves after what came before it. */
  readonly onNotification: (method: string, params: readonly unknown[]) => void;
  /** Silence in milliseconds after which the server is asked for an echo; after twice that the connection is dead. */
  readonly probeInterval: number;
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

type Message = Readonly<Record<string, unknown>>;

/** Speaks over a connected socket, which it owns from now on. */
export function createJsonRpc({ clock }: { readonly clock: Clock }, socket: Socket, options: JsonRpcOptions): JsonRpc {
  const framing = new JsonFraming();
  const waiting = new Map<number, Waiting>();
  const ended = new AbortController();
  let lastId = 0;
  let lastHeard = clock.monotonic();
  let failure: unknown;

  const send = (message: Message): void => {
    socket.write(JSON.stringify(message));
  };
  const receive = (message: unknown): void => {
    if (!isObject(message)) throw new HoldfastError("unavailable", "the database server sent no JSON object");
    const { id, method, params } = message;
    if (typeof method !== "string") answer(waiting, message);
    else if (method === "echo") send({ id, result: params, error: null });
    else options.onNotification(method, Array.isArray(params) ? params : []);
  };

  const closed = new Promise<HoldfastError>((resolve) => {
    socket.on("data", (chunk: Buffer) => {
      lastHeard = clock.monotonic();
      try {
        for (const message of framing.push(chunk)) receive(message);
      } catch (error) {
        socket.destroy(error instanceof Error ? error : new HoldfastError("internal", errorText(error)));
      }
    });
    socket.on("error", (error) => {
      failure = error;
    });
    socket.on("end", () => socket.destroy());
    socket.on("close", () => {
      ended.abort();
      const error = connectionLost(failure);
      for (const entry of waiting.values()) entry.reject(error);
      waiting.clear();
      resolve(error);
    });
  });
  // Ends with the connection: `ended` aborts its waits.
  keepAlive().catch(() => undefined);

  async function keepAlive(): Promise<void> {
    const { probeInterval } = options;
    for (;;) {
      const silent = clock.monotonic() - lastHeard;
      if (silent < probeInterval) {
        await clock.wait(probeInterval - silent, ended.signal);
        continue;
      }
      request("echo", [], ended.signal).catch(() => undefined);
      const asked = clock.monotonic();
      await clock.wait(probeInterval, ended.signal);
      if (lastHeard < asked) {
        socket.destroy(new HoldfastError("unavailable", `no answer within ${probeInterval} ms of silence`));
        return;
      }
    }
  }

  function request(method: string, params: readonly unknown[], signal: AbortSignal): Promise<unknown> {
    if (socket.destroyed) return Promise.reject(connectionLost(failure));
    const id = ++lastId;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        waiting.delete(id);
        reject(signal.reason);
      };
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      signal.addEventListener("abort", onAbort, { once: true });
      const settled = (): void => signal.removeEventListener("abort", onAbort);
      waiting.set(id, {
        resolve: (result) => {
          settled();
          resolve(result);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      });
      send({ id, method, params });
    });
  }

  return { request, closed, close: () => socket.destroy() };
}

function answer(waiting: Map<number, Waiting>, { id, result, error }: Message): void {
  const entry = waiting.get(Number(id));
  if (entry === undefined) return; // Its caller has given up.
  waiting.delete(Number(id));
  if (error === null || error === undefined) entry.resolve(result);
  else entry.reject(new RpcError(error));
}

function connectionLost(cause: unknown): HoldfastError {
  if (isHoldfastError(cause, "unavailable")) return cause;
  const options = cause === undefined ? {} : { cause };
  return new HoldfastError("unavailable", "the connection to the database server ended; it is set up again", options);
}

/** Narrows a value that came from JSON. */
export function isObject(value: unknown): value is Message {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
