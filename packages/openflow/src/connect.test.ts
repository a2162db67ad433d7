import { createServer, type Server, type Socket } from "node:net";
import { silentLogger, systemClock } from "@holdfast/core";
import { ManualClock, RecordingLogger } from "@holdfast/core/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { connectOpenFlow } from "./connect.ts";
import { Deframer, type Reply } from "./replies.ts";
import type { OpenFlowSwitch } from "./switch.ts";

const never = new AbortController().signal;
const HELLO = Buffer.from("0500000800000001", "hex");
const HELLO_1_0 = Buffer.from("0100000800000001", "hex");

let socketsMade = 0;

describe("a connection to a switch", () => {
  let path: string;
  let server: Server;
  let client: OpenFlowSwitch | undefined;
  let sockets: Socket[];
  let received: Reply[];

  /** A switch that says what `onMessage` gives back. */
  const listen = async (onMessage: (reply: Reply) => Buffer | undefined): Promise<void> => {
    server = createServer((socket) => {
      sockets.push(socket);
      const deframer = new Deframer();
      socket.on("error", () => {});
      socket.on("data", (chunk: Buffer) => {
        for (const reply of deframer.push(chunk)) {
          received.push(reply);
          const answer = onMessage(reply);
          if (answer !== undefined) socket.write(answer);
        }
      });
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(path, resolve);
    await promise;
  };
  const greet = (reply: Reply): Buffer | undefined => (reply.type === 0 ? HELLO : undefined);

  beforeEach(() => {
    // A name in the abstract namespace (unix(7)): nothing of it stays in the file system.
    path = `\0hf-openflow-${process.pid}-${socketsMade++}`;
    [sockets, received, client] = [[], [], undefined];
  });
  afterEach(async () => {
    await client?.close();
    for (const socket of sockets) socket.destroy();
    server?.close();
  });

  test("a call waits for the first try, and fails with it when nobody listens", async () => {
    client = connectOpenFlow({ logger: silentLogger, clock: systemClock }, { path, signal: never });
    await expect(client.ports()).rejects.toMatchObject({ code: "unavailable", retryable: true });
    expect(client.connected).toBe(false);
  });

  test("connects once the switch comes up", async () => {
    const connected = Promise.withResolvers<void>();
    client = connectOpenFlow(
      { logger: silentLogger, clock: systemClock },
      { path, signal: never, onConnected: connected.resolve },
    );
    await expect(client.ports()).rejects.toMatchObject({ code: "unavailable" });
    await listen(greet);
    await connected.promise;
    expect(client.connected).toBe(true);
  });

  test("says what to do when the bridge speaks only an older OpenFlow", async () => {
    await listen((reply) => (reply.type === 0 ? HELLO_1_0 : undefined));
    client = connectOpenFlow({ logger: silentLogger, clock: systemClock }, { path, signal: never });
    await expect(client.dump()).rejects.toThrow("add OpenFlow14 to its column protocols");
  });

  test("rejects what is under way when the switch goes, and is told when it is back", async () => {
    await listen(greet);
    const onConnected = vi.fn();
    const logger = new RecordingLogger();
    client = connectOpenFlow({ logger, clock: systemClock }, { path, signal: never, onConnected });
    const dump = client.dump();
    const change = client.apply({ add: [], remove: [{ table: 0, priority: 1, match: {} }] }, never);
    await expect.poll(() => received.some((reply) => reply.type === 33)).toBe(true);
    for (const socket of sockets) socket.destroy();
    await expect(dump).rejects.toMatchObject({ code: "unavailable" });
    await expect(change).rejects.toMatchObject({ code: "unavailable" });
    await expect.poll(() => onConnected.mock.calls.length).toBe(2);
    expect(logger.events.map((event) => event.message)).toEqual([
      "connected to switch",
      "lost connection to switch",
      "connected to switch",
    ]);
  });

  test("answers the switch's echo with its payload", async () => {
    await listen((reply) =>
      reply.type === 0 ? Buffer.concat([HELLO, Buffer.from("0502000a0000002aabcd", "hex")]) : undefined,
    );
    client = connectOpenFlow({ logger: silentLogger, clock: systemClock }, { path, signal: never });
    await expect.poll(() => received.find((reply) => reply.type === 3)).toMatchObject({ xid: 42 });
    expect(received.find((reply) => reply.type === 3)?.body.toString("hex")).toBe("abcd");
  });

  test("asks a silent switch whether it lives, and gives it up when it stays silent", async () => {
    await listen(greet);
    const clock = new ManualClock();
    const connected = Promise.withResolvers<void>();
    client = connectOpenFlow({ logger: silentLogger, clock }, { path, signal: never, onConnected: connected.resolve });
    await connected.promise;
    const givenUp = expect(client.dump()).rejects.toThrow("the switch was silent for 15000 ms");
    for (let step = 0; step < 3; step++) {
      clock.advance(5000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await givenUp;
    await expect.poll(() => received.filter((reply) => reply.type === 2).length).toBe(2);
  });

  test("ends the connection when the switch sends what cannot be read", async () => {
    await listen((reply) => {
      if (reply.type !== 18) return greet(reply);
      const broken = Buffer.from("0513001200000000000d0000000000000000", "hex");
      broken.writeUInt32BE(reply.xid, 4);
      return broken;
    });
    client = connectOpenFlow({ logger: silentLogger, clock: systemClock }, { path, signal: never });
    await expect(client.ports()).rejects.toMatchObject({ code: "unavailable" });
  });

  test("is over when it is closed", async () => {
    await listen(greet);
    client = connectOpenFlow({ logger: silentLogger, clock: systemClock }, { path, signal: never });
    const dump = client.dump();
    const refused = expect(dump).rejects.toMatchObject({ code: "unavailable" });
    await client.close();
    await refused;
    await expect(client.ports()).rejects.toThrow("closed");
    expect(client.connected).toBe(false);
  });
});
