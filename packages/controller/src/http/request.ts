import { HoldfastError } from "@holdfast/core";
import { parsePart, type Route } from "@holdfast/model";
import type { FastifyRequest } from "fastify";
import type { Caller } from "../state/change.ts";
import { fingerprintOf } from "../state/idempotency.ts";

/** A request whose parts have been parsed by its route's schemas. */
export interface ParsedRequest {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/** @throws HoldfastError `invalid_argument`, naming the field. */
export function parseRequest(route: Route, request: FastifyRequest): ParsedRequest {
  return {
    params: parsePart(route.params, request.params, "path"),
    query: parsePart(route.query, request.query, "query"),
    // What may be left out altogether need not be sent as an empty object.
    body: parsePart(route.body, request.body ?? {}, "body"),
  };
}

/** Who asks, and under which conditions. @throws HoldfastError `invalid_argument`, naming the header. */
export function callerOf(route: Route, request: FastifyRequest): Caller {
  const { node } = request.params as { node?: string };
  const actor = route.tag === "node" && node !== undefined && route.id !== "deleteNode" ? `node/${node}` : "operator";
  return {
    actor,
    requestId: request.id,
    ifMatch: route.conditional === true ? revisionOf(request.headers["if-match"]) : undefined,
    idempotency: route.idempotent === true ? idempotencyOf(route, request) : undefined,
  };
}

/** `"123"`, with or without quotes; `*` and absence: any. */
function revisionOf(header: string | undefined): number | undefined {
  if (header === undefined || header.trim() === "*") return undefined;
  const match = /^(?:W\/)?"?(\d{1,15})"?$/.exec(header.trim());
  if (match !== null) return Number(match[1]);
  throw new HoldfastError("invalid_argument", `If-Match: ${JSON.stringify(header.slice(0, 80))} is not a revision`, {
    details: { field: "If-Match" },
  });
}

function idempotencyOf(route: Route, request: FastifyRequest): Caller["idempotency"] {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return undefined;
  if (typeof key !== "string" || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new HoldfastError("invalid_argument", "Idempotency-Key: 1 to 255 visible ASCII characters", {
      details: { field: "Idempotency-Key" },
    });
  }
  return { route: route.id, key, fingerprint: fingerprintOf(request.url, request.body) };
}
