import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { HoldfastError } from "@holdfast/core";
import { isRequestId } from "@holdfast/model";

/** The header that carries a request's id, both ways. */
export const REQUEST_ID = "x-request-id";

/** Gives each request its id: the client's, when it sent a good one, else one that no other request of any controller has, e.g. `"Zk3x0aQ1-1z"`. */
export function createRequestIds(): (request: Pick<IncomingMessage, "headers">) => string {
  const process = randomBytes(6).toString("base64url");
  let count = 0;
  return ({ headers }) => {
    const given = headers[REQUEST_ID];
    if (typeof given === "string" && isRequestId(given)) return given;
    count += 1;
    return `${process}-${count.toString(36)}`;
  };
}

/** @throws HoldfastError `invalid_argument` when the client sent an id that would not be found again where it is recorded. */
export function checkRequestId({ headers }: Pick<IncomingMessage, "headers">): void {
  const given = headers[REQUEST_ID];
  if (given === undefined || (typeof given === "string" && isRequestId(given))) return;
  throw new HoldfastError("invalid_argument", "X-Request-Id: 1 to 128 visible ASCII characters", {
    details: { field: "X-Request-Id" },
  });
}
