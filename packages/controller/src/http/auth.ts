import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
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

/** @throws HoldfastError `precondition_failed` when others could reach the API and no token is asked for. */
export function checkExposure(options: { host: string; token: string | undefined; insecure: boolean }): void {
  if (options.token !== undefined || options.insecure || isLoopback(options.host)) return;
  throw new HoldfastError(
    "precondition_failed",
    `the API would be open to everybody on ${options.host}: set a token, or listen on 127.0.0.1, or say insecure`,
  );
}

function isLoopback(host: string): boolean {
  if (host === "localhost" || host === "::1") return true;
  return isIP(host) === 4 && host.startsWith("127.");
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
