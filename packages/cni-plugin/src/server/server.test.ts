import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { RecordingLogger } from "@holdfast/core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeFrame } from "./frame.ts";
import { type CniServer, type CniServerOptions, createCniServer, type Handler } from "./server.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

const environment = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/run/netns/c1",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/opt/cni/bin",
};
const stdin = JSON.stringify({ cniVersion: "1.0.0", name: "web", type: "holdfast", network: "web" });
/** Exit code 0, and two bytes of output. */
const ANSWER = "\0\0\0\0\x02{}";
const WHOLE = writeFrame({ environment, stdin });
const MEGABYTE = 2 ** 20;
/** Half of two megabytes. */
const LONG_HALF = writeFrame({ environment, stdin: "x".repeat(2 * MEGABYTE) }).subarray(0, MEGABYTE);

let folder: string;
let socketPath: string;
let server: CniServer;
let handled: number;
let sockets: Socket[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "holdfast-cni-"));
  socketPath = join(folder, "cni.sock");
  [handled, sockets] = [0, []];
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(options: Partial<CniServerOptions> = {}, answer = "{}"): Promise<void> {
  const handler: Handler = async () => {
    handled++;
    return answer;
  };
  server = createCniServer({ handler, logger: new RecordingLogger() }, { socketPath, deadline: 5000, ...options });
  await server.start();
}

/** A caller that has sent this and reads nothing. */
async function caller(bytes: Buffer): Promise<Socket> {
  const socket = connect(socketPath).pause();
  sockets.push(socket);
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.write(bytes);
  return socket;
}

/** Until the server closes the connection. */
async function answerTo(socket: Socket): Promise<string> {
  let text = "";
  for await (const piece of socket) text += String(piece);
  return text;
}

/** Open sockets of this process. */
async function descriptors(): Promise<number> {
  return (await readdir("/proc/self/fd")).length;
}

describe("a caller of the CNI socket", () => {
  test("is answered when it has said everything, in whatever pieces", async () => {
    await start();
    const socket = await caller(WHOLE.subarray(0, 3));
    for (let at = 3; at < WHOLE.length; at += 7) {
      socket.write(WHOLE.subarray(at, at + 7));
      await pause(1);
    }
    expect(await answerTo(socket)).toBe(ANSWER);
    expect(handled).toBe(1);
  });

  test("that says what is no call is told so", async () => {
    await start();
    expect(await answerTo(await caller(Buffer.from("GET / HTTP/1.1\r\n\r\n")))).toContain("install the plugin again");
  });

  test.each([3, 12, 40, WHOLE.length - 1])(
    "that dies after %i bytes has no effect, and leaves nothing",
    async (count) => {
      await start();
      const before = await descriptors();
      (await caller(WHOLE.subarray(0, count))).destroy();
      await expect.poll(descriptors).toBe(before);
      expect(handled).toBe(0);
    },
  );

  test("that has said half is given up after a time, and told why", async () => {
    await start({ unfinished: { time: 60 } });
    expect(await answerTo(await caller(WHOLE.subarray(0, 40)))).toContain(
      "it has not said in 0.06 s what it wants; call again",
    );
    expect(handled).toBe(0);
  });

  test("that does not read its answer keeps neither its connection nor the agent", async () => {
    await start({ readingTime: 100 }, "x".repeat(4 * MEGABYTE));
    const before = await descriptors();
    const silent = await caller(WHOLE);
    await expect.poll(() => handled).toBe(1);
    await expect.poll(descriptors).toBe(before + 1);
    expect(silent.destroyed).toBe(false);
  });

  test("has its answer although it closes late, and keeps no connection", async () => {
    await start();
    const before = await descriptors();
    const silent = await caller(WHOLE);
    await expect.poll(descriptors).toBe(before + 1);
    expect(await answerTo(silent)).toBe(ANSWER);
  });

  test.each(["has said half", "does not read"])("that %s does not keep the agent from stopping", async (what) => {
    await start({ readingTime: 200 }, "x".repeat(4 * MEGABYTE));
    await caller(what === "has said half" ? WHOLE.subarray(0, 40) : WHOLE);
    if (what === "does not read") await expect.poll(() => handled).toBe(1);
    const started = performance.now();
    await server.stop();
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe("the CNI socket", () => {
  test("that another process serves is not taken from it", async () => {
    await start();
    const handler: Handler = async () => "another's";
    const second = createCniServer({ handler, logger: new RecordingLogger() }, { socketPath, deadline: 5000 });
    await expect(second.start()).rejects.toThrow(`another process serves ${socketPath}; stop it first`);
    expect(await answerTo(await caller(WHOLE))).toBe(ANSWER);
  });

  test("that a killed process has left is taken over", async () => {
    await writeFile(socketPath, "");
    await start();
    expect(await answerTo(await caller(WHOLE))).toBe(ANSWER);
  });
});

describe("many callers of the CNI socket", () => {
  test("that have said more than may be kept lose the longest, and nobody else", async () => {
    await start({ unfinished: { time: 60_000, bytes: 2 * MEGABYTE, calls: 50, grace: 60_000 } });
    const short = await caller(WHOLE.subarray(0, 40));
    const long = await caller(Buffer.concat([LONG_HALF, LONG_HALF.subarray(0, MEGABYTE / 2)]));
    await once(long, "drain");
    await caller(LONG_HALF);
    expect(await answerTo(long)).toContain("this one is the longest");
    short.write(WHOLE.subarray(40));
    expect(await answerTo(short)).toBe(ANSWER);
  });

  test("that have said half leave others alone, a thousand of them, and cost no more than a few", async () => {
    await start({ unfinished: { time: 60_000, bytes: 8 * MEGABYTE, calls: 50, grace: 100 } });
    const [openBefore, memoryBefore] = [await descriptors(), process.memoryUsage().arrayBuffers];
    for (let index = 0; index < 1000; index++) {
      const socket = await caller(index % 4 === 0 ? LONG_HALF : WHOLE.subarray(0, 40));
      // What it has not got rid of is its own.
      socket.on("drain", () => undefined);
      if (index % 100 !== 99) continue;
      const started = performance.now();
      expect(await answerTo(await caller(WHOLE))).toBe(ANSWER);
      expect(performance.now() - started).toBeLessThan(1000);
    }
    await pause(150);
    expect(await answerTo(await caller(WHOLE))).toBe(ANSWER);
    const ours = () => sockets.filter((socket) => !socket.destroyed).length;
    await expect.poll(async () => (await descriptors()) - openBefore - ours()).toBeLessThanOrEqual(51);
    for (const socket of sockets) socket.destroy();
    const kept = () => {
      collectGarbage();
      return process.memoryUsage().arrayBuffers - memoryBefore;
    };
    await expect.poll(kept, { timeout: 20_000 }).toBeLessThan(16 * MEGABYTE);
    expect(handled).toBe(11);
  }, 60_000);

  test("that come at once are all answered, however many", async () => {
    await start({ unfinished: { time: 60_000, bytes: 64 * MEGABYTE, calls: 50, grace: 10_000 } });
    const before = await descriptors();
    const begun = await Promise.all(Array.from({ length: 400 }, () => caller(WHOLE.subarray(0, 3))));
    // Both ends of each are open here.
    await expect.poll(descriptors).toBeGreaterThanOrEqual(before + 800);
    for (const socket of begun) socket.write(WHOLE.subarray(3));
    expect(new Set(await Promise.all(begun.map(answerTo)))).toEqual(new Set([ANSWER]));
    expect(handled).toBe(400);
  });

  test("that come at once begin together, so that what they ask for can be done together", async () => {
    let [turns, inTurn] = [0, 0];
    const handler: Handler = async () => {
      if (inTurn++ === 0) {
        turns++;
        setImmediate(() => (inTurn = 0));
      }
      return "{}";
    };
    server = createCniServer({ handler, logger: new RecordingLogger() }, { socketPath, deadline: 5000 });
    await server.start();
    const callers = Array.from({ length: 16 }, () => connect(socketPath));
    sockets.push(...callers);
    for (const socket of callers) socket.write(WHOLE);
    expect(await Promise.all(callers.map(answerTo))).toEqual(callers.map(() => ANSWER));
    expect(turns).toBeLessThanOrEqual(2);
  });
});
