import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isHoldfastError } from "@holdfast/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { waitReady } from "./ready.ts";

let folder: string;
let log: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-lab-ready-"));
  log = join(folder, "log");
  writeFileSync(log, "");
});
afterEach(() => rmSync(folder, { recursive: true }));

const never = new AbortController().signal;
const line = { kind: "line", pattern: /^ready at \d+$/ } as const;

/** Whether it has settled after what is pending had its turn. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const turn = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 50));
  return await Promise.race([promise.then(() => true), turn]);
}

describe("waiting for a line", () => {
  test("ends with the line, also when it comes in pieces", async () => {
    const waiting = waitReady(line, { log, logStart: 0 }, never);
    appendFileSync(log, "starting\nready ");
    expect(await isSettled(waiting)).toBe(false);
    appendFileSync(log, "at 4653\n");
    await waiting;
  });

  test("does not take a line of an earlier run", async () => {
    appendFileSync(log, "ready at 1\n");
    const waiting = waitReady(line, { log, logStart: 11 }, never);
    expect(await isSettled(waiting)).toBe(false);
    appendFileSync(log, "ready at 2\n");
    await waiting;
  });

  test("sees a line that was there before it looked", async () => {
    appendFileSync(log, "ready at 1\n");
    await waitReady(line, { log, logStart: 0 }, never);
  });

  test("gives up after its timeout, and at once when it is aborted", async () => {
    const late = waitReady({ ...line, timeout: 20 }, { log, logStart: 0 }, never);
    await expect(late).rejects.toSatisfy((error) => isHoldfastError(error, "timeout"));
    const abort = new AbortController();
    const aborted = waitReady(line, { log, logStart: 0 }, abort.signal);
    abort.abort(new Error("no more"));
    await expect(aborted).rejects.toThrow("no more");
  });
});

describe("waiting for HTTP", () => {
  test("waits for the socket and for an answer of success", async () => {
    const socket = join(folder, "socket");
    const waiting = waitReady({ kind: "http", socket, path: "/readyz" }, { log, logStart: 0 }, never);
    expect(await isSettled(waiting)).toBe(false);
    let calls = 0;
    const server = createServer(({ url }, response) => {
      response.statusCode = ++calls < 3 || url !== "/readyz" ? 503 : 200;
      response.end();
    });
    server.listen(socket);
    await waiting;
    expect(calls).toBe(3);
    server.close();
  });
});

describe("waiting for a check", () => {
  test("ends with the check, and tells it when time is up", async () => {
    await waitReady({ kind: "check", check: async () => {} }, { log, logStart: 0 }, never);
    const check = async (signal: AbortSignal): Promise<void> =>
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const late = waitReady({ kind: "check", check, timeout: 20 }, { log, logStart: 0 }, never);
    await expect(late).rejects.toSatisfy((error) => isHoldfastError(error, "timeout"));
  });
});
