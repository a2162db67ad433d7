import type { IncomingMessage } from "node:http";
import { HoldfastError } from "@holdfast/core";
import { createAuthentication } from "@holdfast/http";

/** @throws HoldfastError `unauthenticated` for whom nothing is to be told. */
export type CheckAsker = (request: IncomingMessage) => void;

/** @param token that questions must carry; undefined: only who comes from this machine may ask */
export function createAskerCheck(token: string | undefined): CheckAsker {
  const authenticate = createAuthentication(token);
  return ({ headers, socket }) => {
    authenticate(headers.authorization);
    if (token !== undefined || isOfThisMachine(socket.remoteAddress)) return;
    const why =
      "only this machine may ask; start the collector with --token, and the controller with --collector-token";
    throw new HoldfastError("unauthenticated", why);
  };
}

function isOfThisMachine(address: string | undefined): boolean {
  return address === "::1" || /^(::ffff:)?127\./.test(address ?? "");
}
