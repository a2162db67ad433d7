import type { IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { createAskerCheck } from "./asker.ts";

function requestFrom(remoteAddress: string, authorization?: string): IncomingMessage {
  return { headers: { authorization }, socket: { remoteAddress } } as unknown as IncomingMessage;
}

test("without a token only this machine may ask", () => {
  const check = createAskerCheck(undefined);
  for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
    expect(() => check(requestFrom(address))).not.toThrow();
  for (const address of ["192.0.2.1", "::ffff:192.0.2.1", "fd00::1", "1127.0.0.1"]) {
    expect(() => check(requestFrom(address)), address).toThrow(
      "only this machine may ask; start the collector with --token",
    );
  }
});

test("with a token anybody may who has it, and nobody else", () => {
  const check = createAskerCheck("a-secret-token");
  expect(() => check(requestFrom("192.0.2.1", "Bearer a-secret-token"))).not.toThrow();
  expect(() => check(requestFrom("127.0.0.1"))).toThrow("a bearer token is needed");
});
