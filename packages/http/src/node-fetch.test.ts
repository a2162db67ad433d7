import { rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createNodeFetch } from "./node-fetch.ts";

let server: Server;
let connections = 0;
const socketPath = join(tmpdir(), `holdfast-http-${process.pid}.sock`);

beforeEach(() => {
  connections = 0;
  server = createServer((request, response) => {
    if (request.url === "/none") return response.writeHead(204).end();
    if (request.url === "/silence") return response.flushHeaders();
    if (request.url === "/cut") {
      response.write("half");
      return setImmediate(() => response.destroy());
    }
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += String(chunk);
    });
    request.on("end", () => {
      response.writeHead(request.url === "/missing" ? 404 : 200);
      response.end(`${request.method} ${request.url} ${String(request.headers["x-a"] ?? "")} ${body}`);
    });
  });
  server.on("connection", () => {
    connections += 1;
  });
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(socketPath, { force: true });
});

const listenTcp = async (host = "127.0.0.1") => {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
};

describe("fetch on node:http", () => {
  test("sends method, path, query, headers and body, and reads the answer", async () => {
    const fetch = createNodeFetch();
    const url = `http://127.0.0.1:${await listenTcp()}/a?b=c`;
    const response = await fetch(url, { method: "POST", headers: { "x-a": "1" }, body: "ü" });
    expect([response.ok, response.status, await response.text()]).toEqual([true, 200, "POST /a?b=c 1 ü"]);
  });

  test("keeps connections", async () => {
    const fetch = createNodeFetch();
    const base = `http://127.0.0.1:${await listenTcp()}`;
    for (let call = 0; call < 5; call++) await (await fetch(base)).text();
    expect(connections).toBe(1);
  });

  test("tells failure from success, and has no body for 204", async () => {
    const fetch = createNodeFetch();
    const base = `http://127.0.0.1:${await listenTcp()}`;
    expect((await fetch(`${base}/missing`)).ok).toBe(false);
    const none = await fetch(`${base}/none`);
    expect([none.ok, none.body, await none.text()]).toEqual([true, null, ""]);
  });

  test("reaches a unix socket and an IPv6 address", async () => {
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    expect(await (await createNodeFetch({ socketPath })("http://anything/x")).text()).toBe("GET /x  ");
    server.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.once("close", resolve));
    const port = await listenTcp("::1");
    expect((await createNodeFetch()(`http://[::1]:${port}/`)).ok).toBe(true);
  });

  test("ends with the signal's reason, before and after the head of the answer", async () => {
    const fetch = createNodeFetch();
    const base = `http://127.0.0.1:${await listenTcp()}`;
    const early = new AbortController();
    const waiting = fetch(`${base}/silence`, { signal: early.signal }).then((response) => response.text());
    setTimeout(() => early.abort(new TypeError("enough")), 20);
    await expect(waiting).rejects.toThrow();
    const gone = AbortSignal.abort(new TypeError("before"));
    await expect(fetch(base, { signal: gone })).rejects.toThrow("before");
  });

  test("an answer that breaks off is an error, not a short answer", async () => {
    const fetch = createNodeFetch();
    const response = await fetch(`http://127.0.0.1:${await listenTcp()}/cut`);
    await expect(response.text()).rejects.toThrow();
  });

  test("nobody there is an error with the reason", async () => {
    await expect(createNodeFetch()("http://127.0.0.1:1/")).rejects.toThrow("ECONNREFUSED");
  });
});
