import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { errorText, HoldfastError, isHoldfastError, type Logger } from "@holdfast/core";
import { claimSocketPath } from "./socket-path.ts";

/**
 * One method of the plugin protocol. The body is the parsed JSON of the request; undefined for the handshake methods, which Docker calls
 * with an empty body. The answer is the JSON of the reply.
 */
export interface Method {
  /** Whether an empty body is a request: only for methods without parameters. */
  readonly emptyBody: boolean;
  handle(body: unknown, signal: AbortSignal): Promise<object>;
}

/** Methods by name, e.g. `"NetworkDriver.CreateEndpoint"`. */
export type Methods = ReadonlyMap<string, Method>;

/** Options of {@link createProtocolServer}. */
export interface ProtocolServerOptions {
  /** E.g. `"/run/docker/plugins/holdfast.sock"`. */
  readonly socketPath: string;
  /** Milliseconds after which a call is answered with an error, whatever the handler waits for. */
  readonly deadline: number;
  /** Largest request body in bytes. */
  readonly bodyLimit: number;
}

/** Serves the plugin protocol on a unix socket. */
export interface ProtocolServer {
  /** @throws HoldfastError `in_use`: another process serves the socket. */
  start(): Promise<void>;
  /** Ends the calls that run with an error, answers them, and closes the socket. */
  stop(): Promise<void>;
}

/** Docker keeps its connections: a server that closes an idle one makes Docker's next call fail and be repeated with an empty body. */
const KEEP_ALIVE_MS = 600_000;

interface Reply {
  readonly status: number;
  readonly body: object;
}

export function createProtocolServer(
  { methods, logger }: { readonly methods: Methods; readonly logger: Logger },
  { socketPath, deadline, bodyLimit }: ProtocolServerOptions,
): ProtocolServer {
  let server: Server | undefined;
  let stopping = new AbortController();
  const running = new Set<Promise<void>>();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const reply = await replyTo(request).catch((error: unknown) => failure(statusOf(error), error));
    if (response.destroyed) return;
    const text = JSON.stringify(reply.body);
    response.writeHead(reply.status, {
      "content-type": "application/vnd.docker.plugins.v1.2+json",
      "content-length": Buffer.byteLength(text),
      // What is left of a body that was too large is not worth reading.
      ...(reply.status === 413 || stopping.signal.aborted ? { connection: "close" } : {}),
    });
    await new Promise<void>((resolve) => {
      response.once("close", resolve);
      response.end(text, resolve);
    });
  }

  async function replyTo(request: IncomingMessage): Promise<Reply> {
    const name = (request.url ?? "").replace(/^\//, "");
    const method = methods.get(name);
    if (method === undefined)
      throw new ProtocolError(404, `holdfast has no method ${JSON.stringify(name.slice(0, 100))}`);
    if (request.method !== "POST") throw new ProtocolError(405, `${name} is called with POST, not ${request.method}`);
    const body = parseBody(name, method, await readBody(request, bodyLimit));
    return await call(name, method, body);
  }

  /** A handler that fails has understood the request: the error travels in a reply of status 200. */
  async function call(name: string, method: Method, body: unknown): Promise<Reply> {
    const limit = AbortSignal.timeout(deadline);
    const signal = AbortSignal.any([stopping.signal, limit]);
    const started = performance.now();
    try {
      logger.debug("docker calls", { method: name, body });
      const reply = await withinSignal(method.handle(body, signal), signal);
      logger.debug("docker was answered", { method: name, milliseconds: Math.round(performance.now() - started) });
      return { status: 200, body: reply };
    } catch (cause) {
      const error = limit.aborted && !isHoldfastError(cause) ? lateError(name, deadline) : cause;
      const expected = isHoldfastError(error) && error.code !== "internal";
      logger[expected ? "info" : "error"]("docker was refused", { method: name, error: errorText(error) });
      return failure(200, error);
    }
  }

  return {
    async start() {
      await claimSocketPath(socketPath);
      stopping = new AbortController();
      server = createServer({ requireHostHeader: false, keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
        const work = answer(request, response)
          .catch((error: unknown) => logger.warn("a reply to docker was lost", { error: errorText(error) }))
          .finally(() => running.delete(work));
        running.add(work);
      });
      await listen(server, socketPath);
      logger.info("serving docker", { socket: socketPath });
    },
    async stop() {
      const closing = server;
      if (closing === undefined) return;
      server = undefined;
      const closed = new Promise<void>((resolve) => closing.close(() => resolve()));
      stopping.abort(new HoldfastError("unavailable", "the holdfast agent is stopping; try again when it runs"));
      await Promise.allSettled(running);
      closing.closeAllConnections();
      await closed;
    },
  };
}

/** The request itself is wrong, or for nobody: its status is the answer. */
class ProtocolError extends HoldfastError {
  readonly status: number;
  constructor(status: number, message: string, cause?: unknown) {
    super(status === 413 ? "too_large" : "invalid_argument", message, { cause });
    this.status = status;
  }
}

function statusOf(error: unknown): number {
  return error instanceof ProtocolError ? error.status : 500;
}

/**
 * Network drivers report errors in `Err`, IPAM drivers in `Error`, and with a status other than 200 Docker reads `Err` from both: both
 * keys are always there.
 */
function failure(status: number, error: unknown): Reply {
  const text = errorText(error);
  return { status, body: { Err: text, Error: text } };
}

function lateError(name: string, deadline: number): HoldfastError {
  return new HoldfastError("timeout", `${name} was not done after ${deadline} ms; see the log of the holdfast agent`);
}

/** A handler that does not listen to its signal must not hold Docker's locks either. */
async function withinSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function readBody(request: IncomingMessage, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Destroying the request would take the connection that the answer needs.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw new ProtocolError(413, `the request body is larger than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseBody(name: string, method: Method, text: string): unknown {
  if (method.emptyBody) return undefined;
  // Docker repeats a call whose connection broke with the buffer that the first try has emptied: never take that for defaults.
  if (text.trim() === "") throw new ProtocolError(400, `${name} came with an empty body; nothing was done`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError(400, `the body of ${name} is no JSON`, cause);
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => reject(new HoldfastError("unavailable", `cannot listen on ${path}`, { cause })));
    server.listen(path, resolve);
  });
}
