import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HoldfastError, silentLogger } from "@holdfast/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DOCKER_20, DockerCaller } from "../testing/docker-caller.ts";
import { createProtocolServer, type Methods, type ProtocolServer } from "./server.ts";

describe("the protocol server", () => {
  let folder: string;
  let socketPath: string;
  let server: ProtocolServer;
  let caller: DockerCaller;
  let seen: unknown[];
  let entered = Promise.withResolvers<void>();
  const hang = (): Promise<object> => {
    entered.resolve();
    return new Promise(() => {});
  };

  const methods: Methods = new Map([
    ["Plugin.Activate", { emptyBody: true, handle: async (body: unknown) => ({ body: String(body) }) }],
    [
      "Test.Echo",
      {
        emptyBody: false,
        handle: async (body: unknown) => {
          seen.push(body);
          return { body };
        },
      },
    ],
    [
      "Test.Fail",
      {
        emptyBody: false,
        handle: async () => {
          throw new HoldfastError("claim_bound", "10.20.0.7 is bound");
        },
      },
    ],
    ["Test.Bug", { emptyBody: false, handle: async () => Promise.reject(new TypeError("undefined is no function")) }],
    ["Test.Hang", { emptyBody: false, handle: hang }],
  ]);
  const create = (): ProtocolServer =>
    createProtocolServer({ methods, logger: silentLogger }, { socketPath, deadline: 200, bodyLimit: 10_000 });

  beforeEach(async () => {
    seen = [];
    entered = Promise.withResolvers();
    folder = await mkdtemp(join(tmpdir(), "holdfast-server-"));
    socketPath = join(folder, "plugins", "holdfast.sock");
    server = create();
    await server.start();
    caller = new DockerCaller(socketPath, DOCKER_20);
  });
  afterEach(async () => {
    caller.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test("a body without Content-Type is read as JSON", async () => {
    expect((await caller.call("Test.Echo", { a: 1 })).body).toEqual({ body: { a: 1 } });
  });

  test.each([
    ["empty", "Host: \r\n"],
    ["absent", ""],
    ["of a later engine", "Host: plugin.moby.localhost\r\n"],
  ])("a Host header that is %s is fine", async (_name, header) => {
    const reply = await caller.send(`POST /Test.Echo HTTP/1.1\r\n${header}Content-Length: 2\r\n\r\n{}`);
    expect(reply.status).toBe(200);
  });

  test("handshake methods have an empty body", async () => {
    expect((await caller.call("Plugin.Activate")).body).toEqual({ body: "undefined" });
  });

  test("an empty body elsewhere is 400 with both error keys, and reaches no handler", async () => {
    const { status, body } = await caller.call("Test.Echo");
    expect({ status, body }).toEqual({
      status: 400,
      body: { Err: "Test.Echo came with an empty body; nothing was done", Error: body?.Err },
    });
    expect(seen).toEqual([]);
  });

  test("a body in pieces is put together", async () => {
    const reply = caller.send(
      'POST /Test.Echo HTTP/1.1\r\nHost: \r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n3\r\n:2}\r\n0\r\n\r\n',
    );
    expect((await reply).body).toEqual({ body: { a: 2 } });
  });

  test("a handler's error has status 200 and both error keys", async () => {
    const { status, body } = await caller.call("Test.Fail", {});
    expect({ status, body }).toEqual({ status: 200, body: { Err: "10.20.0.7 is bound", Error: "10.20.0.7 is bound" } });
  });

  test("a bug in a handler is an error, and the server lives on", async () => {
    expect((await caller.call("Test.Bug", {})).body?.Err).toBe("undefined is no function");
    expect((await caller.call("Test.Echo", {})).status).toBe(200);
  });

  test("broken JSON is 400", async () => {
    expect((await caller.call("Test.Echo", '{"a":')).status).toBe(400);
  });

  test("an unknown method is 404 with both error keys", async () => {
    const { status, body } = await caller.call("Test.Nothing", {});
    expect(status).toBe(404);
    expect(body).toEqual({ Err: expect.any(String), Error: expect.any(String) });
  });

  test("only POST is a call", async () => {
    expect((await caller.send("GET /Test.Echo HTTP/1.1\r\nHost: \r\n\r\n")).status).toBe(405);
  });

  test("a body that is too large is 413 and reaches no handler", async () => {
    expect((await caller.call("Test.Echo", { text: "x".repeat(20_000) })).status).toBe(413);
    expect(seen).toEqual([]);
    expect((await caller.call("Test.Echo", {})).status).toBe(200);
  });

  test("a handler that hangs is answered at the deadline", async () => {
    const { status, body } = await caller.call("Test.Hang", {});
    expect(status).toBe(200);
    expect(body?.Err).toContain("Test.Hang was not done after 200 ms");
  });

  test("an idle connection is told that it may be kept for ten minutes", async () => {
    const raw = await rawReply(socketPath);
    expect(raw).toMatch(/\r\nkeep-alive: timeout=600\r\n/i);
  });

  test("calls on one connection come one after the other for long", async () => {
    for (let index = 0; index < 1200; index++) await caller.call("Test.Echo", { index });
    expect(seen).toHaveLength(1200);
  });

  test("stop answers what hangs and takes the socket away", async () => {
    const hanging = caller.call("Test.Hang", {});
    await entered.promise;
    await server.stop();
    expect((await hanging).body?.Err).toContain("stopping");
    await expect(stat(socketPath)).rejects.toThrow("ENOENT");
  });

  test("the socket of a process that was killed is replaced", async () => {
    await server.stop();
    await leaveSocketFile(socketPath);
    server = create();
    await server.start();
    expect((await caller.call("Test.Echo", {})).status).toBe(200);
  });

  test("the socket of a process that lives is left alone", async () => {
    await expect(create().start()).rejects.toThrow("another process serves");
    expect((await caller.call("Test.Echo", {})).status).toBe(200);
  });

  test("a file that is no socket is left alone", async () => {
    await server.stop();
    await writeFile(socketPath, "precious");
    await expect(server.start()).rejects.toThrow("no socket");
  });
});

/** Binds and dies without a word, as `kill -9` does. */
async function leaveSocketFile(path: string): Promise<void> {
  const { spawn } = await import("node:child_process");
  const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  await new Promise((resolve) => spawn(process.execPath, ["-e", script]).once("exit", resolve));
  expect((await stat(path)).isSocket()).toBe(true);
}

async function rawReply(path: string): Promise<string> {
  const { connect } = await import("node:net");
  return await new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.setEncoding("utf8").once("data", (text: string) => {
      socket.destroy();
      resolve(text);
    });
    socket.once("error", reject);
    socket.write("POST /Plugin.Activate HTTP/1.1\r\nHost: \r\nContent-Length: 0\r\n\r\n");
  });
}
