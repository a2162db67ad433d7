import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { RecordingLogger } from "@holdfast/core/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CniError, createCniServer, type Invocation, SUPPORTED_VERSIONS } from "../src/index.ts";

/** Built by `make setup`. */
const SHIM = join(import.meta.dirname, "../../cni/build/holdfast");
const ENV = { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_NETNS: "/run/netns/x", CNI_IFNAME: "eth0" };
const CONFIG = { cniVersion: "1.0.0", name: "web" };

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function shim(socketPath: string, env: Record<string, string>, stdin: string): Promise<Outcome> {
  const child = spawn(SHIM, { env: { ...env, HOLDFAST_CNI_SOCKET: socketPath, SECRET: "of the runtime" } });
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin);
  const [[code], stdout, stderr] = await Promise.all([once(child, "close"), text(child.stdout), text(child.stderr)]);
  return { code: code as number | null, stdout, stderr };
}

describe("the program that runtimes call", () => {
  let directory: string;
  let socketPath: string;
  const heard: Invocation[] = [];
  let answer: () => Promise<string> = async () => "{}\n";
  const undo = new AsyncDisposableStack();

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "holdfast-cni-"));
    socketPath = join(directory, "run", "cni.sock");
    undo.defer(() => rm(directory, { recursive: true }));
    const handler = async (invocation: Invocation): Promise<string> => {
      heard.push(invocation);
      return await answer();
    };
    const server = createCniServer({ handler, logger: new RecordingLogger() }, { socketPath, deadline: 5000 });
    await server.start();
    undo.defer(() => server.stop());
  });
  afterAll(() => undo.disposeAsync());
  afterEach(() => {
    heard.length = 0;
    answer = async () => "{}\n";
  });

  test("hands on environment and input, and the answer as it is", async () => {
    answer = async () => '{"answer":"ä"}\n';
    const outcome = await shim(socketPath, { ...ENV, CNI_ARGS: "A=ü;B=2" }, JSON.stringify(CONFIG));
    expect(outcome).toEqual({ code: 0, stdout: '{"answer":"ä"}\n', stderr: "" });
    const args = new Map([
      ["A", "ü"],
      ["B", "2"],
    ]);
    expect(heard).toMatchObject([{ command: "ADD", workload: { containerId: "c1", ifName: "eth0" }, args }]);
  });

  test("hands on a megabyte, both ways", async () => {
    const long = "x".repeat(1024 * 1024);
    answer = async () => long;
    const { code, stdout } = await shim(socketPath, ENV, JSON.stringify({ ...CONFIG, args: { long } }));
    expect([code, stdout.length]).toEqual([0, long.length]);
    expect(heard[0]).toHaveProperty(["config", "args", "long", "length"], long.length);
  });

  test("refuses more than 16 MiB itself, and lets 16 MiB pass", async () => {
    const { code, stdout } = await shim(socketPath, ENV, " ".repeat(2 ** 24 + 1));
    expect([code, JSON.parse(stdout)]).toMatchObject([
      1,
      { code: 6, msg: expect.stringContaining("more than 16 MiB") },
    ]);
    expect(await shim(socketPath, ENV, JSON.stringify(CONFIG).padEnd(2 ** 24))).toMatchObject({ code: 0 });
    expect(heard).toHaveLength(1);
  });

  test("does not wait until the agent closes the connection, and takes no half answer for one", async () => {
    const path = join(directory, "other.sock");
    const answers = ["\0\0\0\0\x03{}\n", "\0\0\0\0\x03{}"];
    const connections = new Set<Socket>();
    const server = createServer((socket) => {
      connections.add(socket);
      const answer = answers.shift() ?? "";
      socket.once("data", () => (answer.endsWith("\n") ? socket.write(answer) : socket.end(answer)));
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    try {
      expect(await shim(path, ENV, JSON.stringify(CONFIG))).toEqual({ code: 0, stdout: "{}\n", stderr: "" });
      const { code, stdout } = await shim(path, ENV, JSON.stringify(CONFIG));
      expect([code, JSON.parse(stdout)]).toMatchObject([
        1,
        { code: 11, msg: expect.stringContaining("does not answer") },
      ]);
    } finally {
      for (const socket of connections) socket.destroy();
      server.close();
    }
  });

  test("tells an error on standard output, with exit code 1", async () => {
    answer = async () => {
      throw new CniError(101, "taken", { details: "by redis-0" });
    };
    const { code, stdout } = await shim(socketPath, ENV, JSON.stringify(CONFIG));
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({ cniVersion: "1.0.0", code: 101, msg: "taken", details: "by redis-0" });
  });

  test.each([
    { what: "no input", stdin: "", code: 6 },
    { what: "input that is not JSON", stdin: "{", code: 6 },
    { what: "an unknown version", stdin: '{"cniVersion":"0.1.0","name":"web"}', code: 1 },
    { what: "no name", stdin: '{"cniVersion":"1.0.0"}', code: 7 },
  ])("tells code $code for $what", async ({ stdin, code }) => {
    const outcome = await shim(socketPath, ENV, stdin);
    expect(outcome.code).toBe(1);
    expect(JSON.parse(outcome.stdout)).toMatchObject({ code });
    expect(heard).toEqual([]);
  });

  test("answers VERSION with what the agent speaks, without asking it", async () => {
    const { code, stdout } = await shim("/none", { CNI_COMMAND: "VERSION" }, '{ "cniVersion" : "0.4.0" }');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ cniVersion: "0.4.0", supportedVersions: [...SUPPORTED_VERSIONS] });
    expect(JSON.parse((await shim("/none", { CNI_COMMAND: "VERSION" }, "")).stdout)).toMatchObject({
      cniVersion: "1.1.0",
    });
  });

  describe("without an agent", () => {
    test.each([
      { command: "ADD", code: 11 },
      { command: "CHECK", code: 11 },
      { command: "GC", code: 11 },
      { command: "STATUS", code: 50 },
    ])("$command fails at once with code $code and says what to do", async ({ command, code }) => {
      const outcome = await shim("/none", { ...ENV, CNI_COMMAND: command }, JSON.stringify(CONFIG));
      expect(outcome.code).toBe(1);
      const msg = expect.stringMatching(/agent .* does not answer: No such file .* see that the agent runs/);
      expect(JSON.parse(outcome.stdout)).toEqual({ cniVersion: "1.0.0", code, msg });
    });

    test("ADD says so of a socket whose path no socket can have", async () => {
      const { code, stdout } = await shim(`/${"long/".repeat(30)}cni.sock`, ENV, JSON.stringify(CONFIG));
      expect([code, JSON.parse(stdout)]).toMatchObject([1, { code: 11, msg: expect.stringContaining("too long") }]);
    });

    test("DEL succeeds: the agent takes down what has no sandbox when it is back", async () => {
      expect(await shim("/none", { ...ENV, CNI_COMMAND: "DEL" }, JSON.stringify(CONFIG))).toEqual({
        code: 0,
        stdout: "",
        stderr: "",
      });
    });

    test("ADD fails, too, when the agent dies over it", async () => {
      const path = join(directory, "dying.sock");
      const server = createServer((socket) => socket.once("data", () => socket.destroy()));
      await new Promise<void>((resolve) => server.listen(path, resolve));
      const { code, stdout } = await shim(path, ENV, JSON.stringify(CONFIG));
      expect(code).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({ code: 11 });
      server.close();
    });
  });
});
