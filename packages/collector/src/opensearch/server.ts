import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { type Clock, errorText, HoldfastError, isHoldfastError, timeLimit } from "@holdfast/core";
import { readAccessFile } from "../access/access-file.ts";
import { authorizationOf, type ServerAccess } from "./access.ts";

/** An OpenSearch or Elasticsearch cluster, over plain HTTP. */
export interface SearchServer {
  /** Its addresses, for people. */
  readonly name: string;
  /**
   * The body of an answer.
   *
   * @throws HoldfastError `unavailable` no address answers, or the cluster cannot now; `too_many_requests` it has too much to do; `timeout`;
   *   `unauthenticated` it does not let us in; `not_found`; `precondition_failed` it refuses the request for good
   */
  ask<T>(request: ServerRequest): Promise<T>;
  close(): void;
}

export interface ServerRequest {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly path: string;
  /** An object is sent as JSON, text as lines of JSON. */
  readonly body?: object | string;
  /** Milliseconds. Absent: 25 s. */
  readonly patience?: number;
  readonly signal?: AbortSignal;
}

/** Who asks waits no longer. */
const PATIENCE = 25_000;

/** @throws HoldfastError `invalid_argument` when a file cannot be read, or what is needed for access is not whole */
export function createSearchServer(clock: Clock, access: ServerAccess): SearchServer {
  const name = access.addresses.map(({ origin }) => origin).join(", ");
  const ca = access.caFile === undefined ? undefined : readAccessFile("opensearch-ca", access.caFile);
  const agents = {
    "http:": new HttpAgent({ keepAlive: true }),
    "https:": new HttpsAgent({ keepAlive: true, ...(ca === undefined ? {} : { ca }) }),
  };
  let authorization = authorizationOf(access);
  let current = 0;

  async function ask<T>({ method, path, body, patience = PATIENCE, signal }: ServerRequest): Promise<T> {
    const limit = timeLimit(clock, patience, ...(signal === undefined ? [] : [signal]));
    for (let tried = 1; ; tried++) {
      const address = access.addresses[current % access.addresses.length] as URL;
      try {
        return await exchange<T>(address, { method, path, signal: limit, ...(body === undefined ? {} : { body }) });
      } catch (error) {
        if (isHoldfastError(error)) {
          // A password may be renewed while the process runs.
          if (error.code === "unauthenticated") authorization = authorizationOf(access);
          throw error;
        }
        if (signal?.aborted === true) throw signal.reason;
        if (limit.aborted) throw late(patience, error);
        current += 1;
        if (tried >= access.addresses.length) throw unreachable(errorText(error), error);
      }
    }
  }

  async function exchange<T>(address: URL, { method, path, body, signal }: ServerRequest): Promise<T> {
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const { status, content } = await send(
      new URL(path, address),
      {
        method,
        agent: agents[address.protocol as keyof typeof agents],
        headers: {
          accept: "application/json",
          ...(authorization === undefined ? {} : { authorization }),
          ...(text === undefined ? {} : { "content-type": typeof body === "string" ? LINES : "application/json" }),
          ...(text === undefined ? {} : { "content-length": Buffer.byteLength(text) }),
        },
        ...(signal === undefined ? {} : { signal }),
      },
      text,
    );
    if (status >= 200 && status < 300) return JSON.parse(content) as T;
    throw refusal(status, content, `${method} ${path.split("?")[0]}`);
  }

  function refusal(status: number, content: string, what: string): HoldfastError {
    const { type, reason: said } = causeIn(content);
    const details = { status };
    // A full disk closes indices for writing, which is said as "forbidden".
    const isBlocked = type === "cluster_block_exception";
    if (!isBlocked && (status === 401 || status === 403)) {
      const remedy = "--opensearch-user with --opensearch-password-file, or --opensearch-key-file, says who asks";
      return new HoldfastError("unauthenticated", `${name} refuses ${what} (${status}): ${said}; ${remedy}`, {
        details,
      });
    }
    const message = `${name} answers ${what} with ${status}: ${said}`;
    if (status === 429) return new HoldfastError("too_many_requests", message, { details, retryable: true });
    if (isBlocked || status === 408 || status >= 500) return new HoldfastError("unavailable", message, { details });
    return new HoldfastError(status === 404 ? "not_found" : "precondition_failed", message, { details });
  }

  function unreachable(why: string, cause: unknown): HoldfastError {
    const remedy = "--opensearch names where it is, --opensearch-ca whom its certificate is from";
    return new HoldfastError("unavailable", `cannot reach OpenSearch at ${name}: ${why}; ${remedy}`, { cause });
  }

  function late(patience: number, cause: unknown): HoldfastError {
    return new HoldfastError("timeout", `${name} has not answered within ${patience / 1000} s`, { cause });
  }

  return {
    name,
    ask,
    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

const LINES = "application/x-ndjson";

function send(
  url: URL,
  options: RequestOptions,
  body: string | undefined,
): Promise<{ readonly status: number; readonly content: string }> {
  return new Promise((resolve, reject) => {
    const request = url.protocol === "https:" ? httpsRequest : httpRequest;
    const outgoing = request(url, options, (incoming) => {
      textOf(incoming).then((content) => resolve({ status: incoming.statusCode ?? 500, content }), reject);
    });
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString("utf8");
}

/** What the cluster says of an error: its cause, where it names one. */
function causeIn(content: string): { readonly type: string | undefined; readonly reason: string } {
  const whole = content.slice(0, MOST_SAID) || "nothing more";
  try {
    const { error } = JSON.parse(content) as { error?: string | ErrorBody };
    if (typeof error === "string") return { type: undefined, reason: error };
    const cause = error?.root_cause?.[0] ?? error;
    return { type: cause?.type, reason: cause?.reason ?? cause?.type ?? whole };
  } catch {
    return { type: undefined, reason: whole };
  }
}

const MOST_SAID = 300;

interface ErrorBody {
  readonly type?: string;
  readonly reason?: string;
  readonly root_cause?: readonly { readonly type?: string; readonly reason?: string }[];
}
