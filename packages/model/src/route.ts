import type { ErrorCode } from "@holdfast/core";
import type { z } from "zod";

/** One REST operation as data: what the server registers, the client calls, and the OpenAPI document says. */
export interface Route {
  /** OpenAPI `operationId`, e.g. `"createClaim"`. */
  readonly id: string;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With parameters in braces, e.g. `"/v1/tenants/{tenant}"`. A parameter is one path segment, percent-encoded (`prod%2Fmysql-1`). */
  readonly path: string;
  /** One sentence. */
  readonly summary: string;
  readonly tag: string;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** Of success. Absent: 204 without a body. */
  readonly reply?: z.ZodType;
  readonly status: 200 | 201 | 204;
  /** `stream`: newline-delimited JSON of `reply` objects without end. */
  readonly stream?: true;
  /** Another program answers: who was asked passes the request on to it, when the caller may ask and its parameters are right. */
  readonly passedTo?: "collector";
  /** A request may wait for something to happen, and works no more than a moment. */
  readonly waits?: true;
  /** Takes the `Idempotency-Key` header: the same key and body give the same answer for 24 hours. */
  readonly idempotent?: true;
  /** Takes `If-Match` with a revision; another one is `precondition_failed`. */
  readonly conditional?: true;
  /** What the body may have at most. Absent: 1 MiB. */
  readonly maxBodyBytes?: number;
  /** Beyond `invalid_argument`, `unauthenticated`, `too_many_requests`, `unavailable` and `internal`. */
  readonly errors: readonly ErrorCode[];
}

type Output<T> = T extends z.ZodType ? z.output<T> : undefined;
type Input<T> = T extends z.ZodType ? z.input<T> : undefined;

/** What a handler gets of a route's request, parsed. */
export interface RouteRequest<R extends Route> {
  readonly params: Output<R["params"]>;
  readonly query: Output<R["query"]>;
  readonly body: Output<R["body"]>;
}

export type RouteReply<R extends Route> = Output<R["reply"]>;

/** What a caller gives, before parsing: only the parts that the route has. */
export type RouteInput<R extends Route> = (R["params"] extends z.ZodType
  ? { readonly params: Input<R["params"]> }
  : unknown) &
  (R["query"] extends z.ZodType ? { readonly query?: Input<R["query"]> } : unknown) &
  (R["body"] extends z.ZodType ? { readonly body: Input<R["body"]> } : unknown);

/** Keeps the exact types of a route while checking its shape. */
export function route<const R extends Route>(definition: R): R {
  return definition;
}

/** The path with its parameters filled in, percent-encoded. */
export function fillPath(path: string, params: Readonly<Record<string, unknown>> = {}): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));
}
