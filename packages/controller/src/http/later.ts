import type { Operation, Route } from "@holdfast/model";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Perform } from "../operations/operations.ts";
import type { Caller } from "../state/change.ts";
import type { HandledRoute, Handlers } from "./handlers.ts";
import type { ParsedRequest } from "./request.ts";

/** Accepts a request to be done later. */
export type AcceptLater = (
  route: Route,
  request: ParsedRequest & { readonly path: string },
  caller: Caller,
) => Promise<Operation>;

/** Whether the client would rather not wait (RFC 7240 section 4.1), and the operation is one that can be done later: once, whatever happens. */
export function isForLater(route: Route, { headers }: FastifyRequest): boolean {
  const { prefer } = headers;
  return route.idempotent === true && prefer !== undefined && /(^|[,;\s])respond-async([,;\s]|$)/i.test(String(prefer));
}

export function sendAccepted(reply: FastifyReply, operation: Operation): void {
  reply
    .code(202)
    .header("location", `/v1/operations/${operation.id}`)
    .header("preference-applied", "respond-async")
    .header("etag", `"${operation.revision}"`)
    .header("content-type", "application/json; charset=utf-8")
    .send(JSON.stringify(operation));
}

/** Does what was accepted with the handler that would have done it at once. */
export function performWith(handlers: Handlers): Perform {
  return async ({ route, request }, caller) => {
    const handler = handlers[route as HandledRoute] as (request: ParsedRequest, caller: Caller) => unknown;
    return handler(request, caller);
  };
}
