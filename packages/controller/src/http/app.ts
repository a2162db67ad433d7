import { STATUS_CODES } from "node:http";
import { errorText, HoldfastError, isHoldfastError, type Logger } from "@holdfast/core";
import type { Authenticate } from "@holdfast/http";
import { type Operation, problemOf, type Route, routes } from "@holdfast/model";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import type { Metrics } from "../metrics.ts";
import type { Caller } from "../state/change.ts";
import { type AdmissionDependencies, createAdmission } from "./admission.ts";
import { BODY_LIMIT_BYTES, httpError } from "./errors.ts";
import type { HandledRoute, Handlers } from "./handlers.ts";
import type { PassedRequest } from "./judged-samples.ts";
import { type AcceptLater, isForLater, sendAccepted } from "./later.ts";
import { type PassedTo, passOn } from "./pass-on.ts";
import { callerOf, type ParsedRequest, parseRequest } from "./request.ts";
import { checkRequestId, createRequestIds, REQUEST_ID } from "./request-id.ts";

export interface AppDependencies {
  readonly handlers: Handlers;
  readonly streams: Streams;
  readonly pages: Pages;
  readonly authenticate: Authenticate;
  readonly admission: AdmissionDependencies;
  readonly acceptLater: AcceptLater;
  /** Programs that answer some operations. */
  readonly programs: Readonly<Record<NonNullable<Route["passedTo"]>, PassedTo>>;
  readonly additions: Additions;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Aborted when no more requests are to come. */
  readonly stopping: AbortSignal;
}

/** Answers an operation that goes on; the reply is in the stream's hands. */
export type Stream = (request: ParsedRequest, reply: FastifyReply, events: boolean) => void;
export type Streams = Readonly<
  Record<"followNode" | "watch" | "followDrops" | "exportLedger" | "verifyAddresses", Stream>
>;

/** Answers what another program would, with something added to it; undefined: nothing is, the request is passed on as it is. */
export type Addition = (request: ParsedRequest, passed: PassedRequest) => Promise<void> | undefined;
export type Additions = Readonly<Partial<Record<keyof typeof routes, Addition>>>;

/** What is not under `/v1`, and the OpenAPI document. */
export interface Pages {
  readonly openapi: string;
  readonly docs: string;
  metrics(): string;
  /** Why the controller cannot serve; undefined: it can. */
  whyNotReady(): Promise<string | undefined>;
}

const PROBLEM = "application/problem+json; charset=utf-8";

/** Which methods a path knows. */
const PATTERNS = (Object.values(routes) as Route[]).map(({ method, path }) => ({
  method,
  pattern: new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}$`),
}));

type Handler = (request: ParsedRequest, caller: Caller) => unknown;

const MOST_HEARD_OUT_BYTES = 64 * BODY_LIMIT_BYTES;
/** How long a client may take to send a request; replies may take as long as they like. */
const REQUEST_MILLISECONDS = 30_000;
/** Longer than any name that is percent-encoded altogether, so that too long names are told from unknown paths. */
const MAX_PARAM_LENGTH = 2000;

export function createApp(dependencies: AppDependencies): FastifyInstance {
  const { logger, authenticate, pages } = dependencies;
  const app = fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    exposeHeadRoutes: false,
    requestTimeout: REQUEST_MILLISECONDS,
    requestIdHeader: false,
    genReqId: createRequestIds(),
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    frameworkErrors: (error, request, reply) => sendError(reply, error, logger, request.method),
    clientErrorHandler: (error, socket) => {
      if (!socket.writable) return;
      const { error: refusal, status = 400 } = brokenRequest(error);
      const body = JSON.stringify(problemOf(refusal, status));
      const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/problem+json`;
      socket.end(`${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    },
  });
  app.decorateRequest("place", null);
  const admissionOf = createAdmission(dependencies.admission);
  acceptJsonOnly(app);
  app.setErrorHandler((error, request, reply) => sendError(reply, error, logger, request.routeOptions.url ?? ""));
  app.setNotFoundHandler((request, reply) => sendUnknown(request, reply));
  for (const [id, route] of Object.entries(routes) as [keyof typeof routes, Route][]) {
    const handle = handlerOf(id, route, dependencies);
    const admit = admissionOf(route);
    app.route({
      method: route.method,
      ...(route.maxBodyBytes === undefined ? {} : { bodyLimit: route.maxBodyBytes }),
      url: route.path.replace(/\{(\w+)\}/g, ":$1"),
      onRequest: (request, reply, done) => {
        reply.header(REQUEST_ID, request.id);
        const refused = refusal(authenticate, request);
        if (refused !== undefined || admit === undefined) done(refused);
        else admit(request, reply, done);
      },
      handler: handle,
      onResponse: measure(route, dependencies),
    });
  }
  addPages(app, pages, authenticate);
  return app;
}

function handlerOf(id: keyof typeof routes, route: Route, dependencies: AppDependencies) {
  if (route.passedTo !== undefined) return pass(route, route.passedTo, dependencies, dependencies.additions[id]);
  if (route.stream === true) return follow(route, dependencies.streams[id as keyof Streams]);
  return answer(route, dependencies.handlers[id as HandledRoute] as Handler, dependencies);
}

/** A stream leaves its place at once: it waits without working. */
function pass(
  route: Route,
  program: NonNullable<Route["passedTo"]>,
  { programs, admission, stopping }: AppDependencies,
  addition?: Addition,
) {
  const passing = { to: programs[program], program, clock: admission.clock, stopping };
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const answered = (parsed: ParsedRequest) =>
      addition?.(parsed, { request, reply, passing }) ?? passOn(request, reply, passing);
    await handled(route, answered, request);
  };
}

function answer(route: Route, handler: Handler, { stopping, acceptLater }: AppDependencies) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (isForLater(route, request)) {
      const later: Handler = (parsed, caller) => acceptLater(route, { ...parsed, path: pathOf(request) }, caller);
      return sendAccepted(reply, (await handled(route, later, request)) as Operation);
    }
    const result = await handled(route, handler, request);
    reply.code(route.status);
    // A connection that was busy when the server was closed would else be kept for the next request.
    if (stopping.aborted) reply.header("connection", "close");
    if (route.reply === undefined || result === undefined) return void reply.send();
    const { revision } = result as { revision?: number };
    if (revision !== undefined) reply.header("etag", `"${revision}"`);
    reply.header("content-type", "application/json; charset=utf-8").send(JSON.stringify(result));
  };
}

function pathOf({ url }: FastifyRequest): string {
  const [path = ""] = url.split("?");
  return path;
}

/** Gives the request's place up when the work is done, also when the client has gone. */
async function handled(route: Route, handler: Handler, request: FastifyRequest): Promise<unknown> {
  const { place } = request;
  try {
    const turn = place?.begin();
    if (turn !== undefined) await turn;
    return await handler(parseRequest(route, request), callerOf(route, request));
  } finally {
    place?.leave();
  }
}

function follow(route: Route, stream: Stream) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const parsed = parseRequest(route, request);
    stream(parsed, reply, request.headers.accept?.includes("text/event-stream") === true);
  };
}

function measure(route: Route, { metrics }: AppDependencies) {
  const labels = new Map<number, string>();
  const labelsOf = (status: number): string => {
    const known = labels.get(status) ?? `route="${route.id}",status="${status}"`;
    labels.set(status, known);
    return known;
  };
  return (_request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    metrics.add("requests_total", labelsOf(reply.statusCode));
    if (route.stream !== true) metrics.observe(route.id, reply.elapsedTime / 1000);
    done();
  };
}

function refusal(authenticate: Authenticate, request: FastifyRequest): HoldfastError | undefined {
  try {
    authenticate(request.headers.authorization);
    checkRequestId(request);
    return undefined;
  } catch (error) {
    if (isHoldfastError(error)) return error;
    throw error;
  }
}

function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => {
    if (body === "") return done(null, undefined);
    try {
      done(null, parseJson(String(body)));
    } catch (error) {
      done(
        new HoldfastError("invalid_argument", `the body is not JSON: ${errorText(error)}`, {
          details: { field: "body" },
        }),
      );
    }
  });
}

/** A field of this name would be dropped without a word by what comes after. */
function parseJson(text: string): unknown {
  if (text.includes('"__proto__"')) throw new HoldfastError("invalid_argument", "__proto__ is no name of a field");
  return JSON.parse(text);
}

function addPages(app: FastifyInstance, pages: Pages, authenticate: Authenticate): void {
  app.get("/healthz", (_request, reply) => reply.type("text/plain; charset=utf-8").send("ok\n"));
  app.get("/readyz", async (_request, reply) => {
    const reason = await pages.whyNotReady();
    if (reason === undefined) return reply.type("text/plain; charset=utf-8").send("ready\n");
    throw new HoldfastError("unavailable", `not ready: ${reason}`);
  });
  app.get("/v1/openapi.json", (_request, reply) => reply.type("application/json; charset=utf-8").send(pages.openapi));
  app.get("/docs", (_request, reply) => reply.type("text/html; charset=utf-8").send(pages.docs));
  app.get(
    "/metrics",
    { onRequest: (request, _reply, done) => done(refusal(authenticate, request)) },
    (_request, reply) => reply.type("text/plain; version=0.0.4; charset=utf-8").send(pages.metrics()),
  );
}

function sendError(reply: FastifyReply, thrown: unknown, logger: Logger, operation: string): void {
  const { id, routeOptions } = reply.request;
  const { bodyLimit } = routeOptions;
  const { error, status } = httpError(thrown, logger, { operation, requestId: id, bodyLimit });
  const problem = problemOf(error, status, id);
  reply.header(REQUEST_ID, id);
  if (error.code === "unauthenticated") reply.header("www-authenticate", "Bearer");
  const { retryAfterSeconds } = error.details;
  if (retryAfterSeconds !== undefined) reply.header("retry-after", String(retryAfterSeconds));
  const answer = () => {
    reply.code(problem.status).header("content-type", PROBLEM).send(JSON.stringify(problem));
  };
  if (error.code === "too_large") onceHeardOut(reply.request, answer);
  else answer();
}

/** Who is cut off while he writes gets an error of the network, not our answer. What is far too much is cut off all the same. */
function onceHeardOut({ raw, headers }: FastifyRequest, answer: () => void): void {
  if (Number(headers["content-length"]) <= MOST_HEARD_OUT_BYTES) raw.once("end", answer).resume();
  else answer();
}

/** Says whether the path is unknown, or only the method. */
function sendUnknown(request: FastifyRequest, reply: FastifyReply): void {
  const [path = ""] = request.url.split("?");
  const shown = JSON.stringify(path.slice(0, 200));
  reply.header(REQUEST_ID, request.id);
  const methods = PATTERNS.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
  if (methods.length === 0) {
    const error = new HoldfastError("not_found", `there is nothing at ${shown}; /docs says what there is`);
    return void reply
      .code(404)
      .header("content-type", PROBLEM)
      .send(JSON.stringify(problemOf(error, 404, request.id)));
  }
  const error = new HoldfastError(
    "invalid_argument",
    `${request.method} is not possible on ${shown}; use ${methods.join(" or ")}`,
  );
  reply.code(405).header("allow", methods.join(", ")).header("content-type", PROBLEM);
  reply.send(JSON.stringify(problemOf(error, 405, request.id)));
}

function brokenRequest(error: Error & { code?: string }): { error: HoldfastError; status?: number } {
  if (error.code === "HPE_HEADER_OVERFLOW") {
    return { error: new HoldfastError("too_large", "path and headers are larger than 16 KiB"), status: 431 };
  }
  return { error: new HoldfastError("invalid_argument", `not an HTTP request: ${error.message}`) };
}
