import { type Clock, errorText, HoldfastError, isErrorCode, isHoldfastError, systemClock } from "@holdfast/core";
import {
  fillPath,
  type Operation,
  operationSchema,
  problemSchema,
  problemToError,
  type Route,
  type RouteInput,
  type RouteReply,
} from "@holdfast/model";
import { linesOf } from "./lines.ts";

/** The part of web `fetch` that is used; the platform's own fits, too. */
export type FetchLike = (
  url: string,
  options: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly signal: AbortSignal;
    readonly body?: string;
  },
) => Promise<ResponseLike>;

export interface ResponseLike {
  readonly ok: boolean;
  readonly status: number;
  text(): Promise<string>;
  readonly body: AsyncIterable<Uint8Array> | null;
}

export interface ClientDependencies {
  readonly fetch: FetchLike;
  /** Default: the machine's. */
  readonly clock?: Pick<Clock, "wait">;
  /** A number in [0, 1). Default: `Math.random`. */
  readonly random?: () => number;
}

export interface ClientOptions {
  /** Base address of a controller, e.g. `"http://127.0.0.1:4653"`. */
  readonly server: string;
  /** Bearer token. Absent: none is sent. */
  readonly token?: string | undefined;
}

/** Beyond the route's own input. */
export interface CallOptions {
  readonly signal: AbortSignal;
  /** Only when the object still has this revision, else `precondition_failed`. */
  readonly ifMatch?: number | undefined;
  /** How often a call that was sent away as one too many is repeated, when it may come again. Absent: 8. */
  readonly repetitions?: number | undefined;
  /** Repeating a create with the same key gives the first answer. */
  readonly idempotencyKey?: string | undefined;
}

/** A typed caller of every REST operation. */
export interface Client {
  /**
   * @throws HoldfastError of the problem document; `unavailable` when no controller answers: whether the call happened is then unknown, unless
   * `details.sent` is false; `too_many_requests` when it was sent away too often, and nothing was done.
   */
  call<R extends Route>(route: R, input: RouteInput<R>, options: CallOptions): Promise<RouteReply<R>>;
  /**
   * Has it done later: answers with the operation that does it, as soon as it is durable.
   *
   * @throws like `call`.
   */
  accept<R extends Route>(route: R, input: RouteInput<R>, options: CallOptions): Promise<Operation>;
  /** The objects of a streaming operation until the signal is aborted. @throws like `call`, also when the stream breaks. */
  stream<R extends Route>(
    route: R,
    input: RouteInput<R>,
    options: CallOptions,
  ): AsyncIterable<NonNullable<RouteReply<R>>>;
}

export function createClient(dependencies: ClientDependencies, options: ClientOptions): Client {
  const { clock = systemClock, random = Math.random } = dependencies;
  const base = options.server.replace(/\/+$/, "");

  async function send(
    route: Route,
    input: AnyInput,
    call: CallOptions,
    more: Record<string, string> = {},
  ): Promise<ResponseLike> {
    const url = base + fillPath(route.path, input.params) + queryText(input.query);
    const request = {
      method: route.method,
      headers: { ...headersOf(route, input, call, options.token), ...more },
      signal: call.signal,
    };
    const body = input.body === undefined ? {} : { body: JSON.stringify(input.body) };
    for (let left = call.repetitions ?? REPETITIONS; ; left--) {
      const response = await reach(() => dependencies.fetch(url, { ...request, ...body }), base, call.signal);
      if (response.ok) return response;
      const problem = await problemOf(response, `${route.method} ${url}`);
      if (left <= 0 || !isHoldfastError(problem, "too_many_requests")) throw problem;
      await clock.wait(pauseOf(problem, random), call.signal);
    }
  }

  return {
    async call(route, input, call) {
      const response = await send(route, input as AnyInput, call);
      const text = await reach(() => response.text(), base, call.signal);
      if (route.reply === undefined || text === "") return undefined as RouteReply<typeof route>;
      return route.reply.parse(JSON.parse(text)) as RouteReply<typeof route>;
    },

    async accept(route, input, call) {
      const response = await send(route, input as AnyInput, call, { prefer: "respond-async" });
      return operationSchema.parse(JSON.parse(await reach(() => response.text(), base, call.signal)));
    },

    async *stream(route, input, call) {
      const response = await send(route, input as AnyInput, call);
      if (response.body === null) return;
      try {
        for await (const line of linesOf(response.body)) {
          yield route.reply?.parse(JSON.parse(line)) as NonNullable<RouteReply<typeof route>>;
        }
      } catch (error) {
        if (call.signal.aborted || error instanceof HoldfastError) throw error;
        throw new HoldfastError("unavailable", `the stream from ${base} broke: ${errorText(error)}`, { cause: error });
      }
      if (!call.signal.aborted) throw new HoldfastError("unavailable", `the stream from ${base} has ended`);
    },
  };
}

const REPETITIONS = 8;

/** What the controller asked for, and up to half as much more, so that those who were sent away together do not come back together. */
function pauseOf({ details }: HoldfastError, random: () => number): number {
  const seconds = typeof details.retryAfterSeconds === "number" ? details.retryAfterSeconds : 1;
  return seconds * 1000 * (1 + random() / 2);
}

interface AnyInput {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: unknown;
  readonly body?: unknown;
}

function headersOf(
  route: Route,
  input: AnyInput,
  call: CallOptions,
  token: string | undefined,
): Record<string, string> {
  return {
    accept: route.stream === true ? "application/x-ndjson" : "application/json",
    ...(input.body === undefined ? {} : { "content-type": "application/json" }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(call.ifMatch === undefined ? {} : { "if-match": `"${call.ifMatch}"` }),
    ...(call.idempotencyKey === undefined ? {} : { "idempotency-key": call.idempotencyKey }),
  };
}

function queryText(query: unknown): string {
  const entries = Object.entries((query ?? {}) as Record<string, unknown>).filter(([, value]) => value !== undefined);
  if (entries.length === 0) return "";
  return `?${new URLSearchParams(entries.map(([name, value]) => [name, String(value)])).toString()}`;
}

async function reach<T>(work: () => Promise<T>, base: string, signal: AbortSignal): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw new HoldfastError("unavailable", `no controller answers at ${base}: ${errorText(error)}`, {
      cause: error,
      ...(neverConnected(error) ? { details: { sent: false } } : {}),
    });
  }
}

const CONNECT_FAILURES = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND", "EAI_AGAIN"]);

/** Whether there was nobody to send the request to. */
function neverConnected(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, syscall } = error as Error & { readonly code?: unknown; readonly syscall?: unknown };
  if (typeof code === "string" && CONNECT_FAILURES.has(code)) return true;
  return syscall === "connect" || neverConnected(error.cause);
}

async function problemOf(response: ResponseLike, request: string): Promise<HoldfastError> {
  const text = await response.text().catch(() => "");
  const problem = problemSchema.safeParse(parseJson(text));
  if (problem.success && isErrorCode(problem.data.code)) return problemToError(problem.data);
  if (response.status === 429)
    return new HoldfastError("too_many_requests", `${request} answered 429`, { retryable: true });
  const code = response.status === 503 || response.status === 502 ? "unavailable" : "internal";
  return new HoldfastError(code, `${request} answered ${response.status}: ${text.slice(0, 200)}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
