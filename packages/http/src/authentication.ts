import { createHash, timingSafeEqual } from "node:crypto";
import { HoldfastError } from "@holdfast/core";

/** @throws HoldfastError `unauthenticated` unless the Authorization header carries the token (RFC 6750 section 2.1). */
export type Authenticate = (authorization: string | undefined) => void;

/** @param token undefined: everybody may */
export function createAuthentication(token: string | undefined): Authenticate {
  if (token === undefined) return () => {};
  const expected = digest(token);
  return (authorization) => {
    const given = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    // Digests have one length, so that the time taken says nothing about the token.
    if (given !== undefined && timingSafeEqual(digest(given), expected)) return;
    const message = given === undefined ? "a bearer token is needed (HOLDFAST_TOKEN)" : "the bearer token is wrong";
    throw new HoldfastError("unauthenticated", message);
  };
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
