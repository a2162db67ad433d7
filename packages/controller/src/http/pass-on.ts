import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Clock, errorText, HoldfastError } from "@holdfast/core";
import type { FastifyReply, FastifyRequest } from "fastify";
import { REQUEST_ID } from "./request-id.ts";

/** Where questions go that another program answers. */
export interface PassedTo {
  /** Base address, e.g. `"http://127.0.0.1:4655"`. */
  readonly url: string;
  /** Bearer token that the program asks for. Undefined: none. */
  readonly token: string | undefined;
}

export interface Passing {
  readonly to: PassedTo;
  /** What it is called, as the option that names it. */
  readonly program: string;
  readonly clock: Clock;
  /** Aborted when no more is to be said. */
  readonly stopping: AbortSignal;
}

/** What of a reply is for the client. */
const REPLY_HEADERS = ["content-type", "cache-control"] as const;
/** Longer is not waited for an answer to begin. */
const PATIENCE_MILLISECONDS = 30_000;

/**
 * Passes a request on whose caller may ask and whose parameters are right, and gives what comes back as it is, also while it is still being said.
 *
 * @throws HoldfastError `unavailable` when nobody answers there
 */
export async function passOn(
  { url, raw, id, method, body }: Pick<FastifyRequest, "url" | "raw" | "id" | "method" | "body">,
  reply: FastifyReply,
  passing: Passing,
): Promise<void> {
  const question = { method, path: url, id, accept: raw.headers.accept, body, signal: untilGone(reply) };
  await handOn(await askProgram(question, passing), reply, id);
}

/** Aborted when the client goes. */
export function untilGone(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once("close", () => gone.abort());
  return gone.signal;
}

/** What is asked of another program. */
export interface Question {
  readonly method: string;
  /** With its query, e.g. `"/v1/flows/top?by=identity"`. */
  readonly path: string;
  /** Of the request. */
  readonly id: string;
  readonly accept?: string | undefined;
  /** Absent: none. */
  readonly body?: unknown;
  readonly signal: AbortSignal;
}

/** Gives the answer when it begins. @throws HoldfastError `unavailable` when nobody answers there */
export async function askProgram(
  { method, path, id, accept = "*/*", body, signal: gone }: Question,
  { to, program, clock, stopping }: Passing,
): Promise<Response> {
  const [answered, late] = [new AbortController(), new AbortController()];
  clock.wait(PATIENCE_MILLISECONDS, answered.signal).then(
    () => late.abort(new Error("no answer in time")),
    () => undefined,
  );
  const signal = AbortSignal.any([stopping, gone, late.signal]);
  const headers: Record<string, string> = { accept, "x-request-id": id };
  const hasBody = body !== undefined && body !== null;
  if (hasBody) headers["content-type"] = "application/json";
  if (to.token !== undefined) headers.authorization = `Bearer ${to.token}`;
  try {
    return await fetch(to.url.replace(/\/+$/, "") + path, {
      method,
      headers,
      signal,
      redirect: "error",
      ...(hasBody ? { body: JSON.stringify(body) } : {}),
    });
  } catch (error) {
    throw new HoldfastError(
      "unavailable",
      `the ${program} does not answer at ${to.url}: ${errorText(error)}; --${program} names another address`,
      {
        cause: error,
      },
    );
  } finally {
    answered.abort();
  }
}

/** Gives what another program says as it is, as fast as it is read. */
export async function handOn(response: Response, reply: FastifyReply, id: string): Promise<void> {
  reply.hijack();
  const kept = REPLY_HEADERS.flatMap((name) => {
    const value = response.headers.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  reply.raw.writeHead(response.status, { ...Object.fromEntries(kept), [REQUEST_ID]: id });
  reply.raw.flushHeaders();
  // Half an answer must not look like a whole one: what breaks off is destroyed.
  await pipeline(response.body === null ? Readable.from([]) : Readable.fromWeb(response.body), reply.raw).catch(() => {
    reply.raw.destroy();
  });
}
