import { isIP } from "node:net";
import { HoldfastError } from "@holdfast/core";

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
