import { createSocket, type Socket } from "node:dgram";
import { existsSync } from "node:fs";
import { RecordingLogger } from "@holdfast/core/testing";
import { trafficRows } from "@holdfast/flow";
import { encodeDatagram, encodeHeaderRecord, encodeSample, ethernet, ipv4, tcp } from "@holdfast/flow/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Receiver, startReceiver } from "./receiver.ts";

const LOOPBACK = "127.0.0.1";
const header = encodeHeaderRecord(ethernet({}, ipv4({}, tcp())), { frameLength: 1004 });
const flow = (sequence: number): Uint8Array =>
  encodeDatagram({
    sequence,
    uptimeMs: sequence,
    samples: [encodeSample({ format: 1, sequence, rate: 10, pool: sequence * 10, records: [header] })],
  });

let sender: Socket;
beforeEach(() => {
  sender = createSocket("udp4");
});
afterEach(async () => {
  await new Promise<void>((resolve) => sender.close(resolve));
});

const send = (port: number, bytes: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) =>
    sender.send(bytes, port, LOOPBACK, (error) => (error === null ? resolve() : reject(error))),
  );

async function start(options: { port?: number; receiveBufferBytes?: number } = {}) {
  const logger = new RecordingLogger();
  const receiver = await startReceiver(
    { logger },
    { address: LOOPBACK, port: 0, receiveBufferBytes: 65_536, ...options },
  );
  return { receiver, logger };
}

/** Drains until so many datagrams were taken or dropped, since what was sent needs a moment to arrive. */
async function drainUntil(receiver: Receiver, datagrams: number) {
  const drained = [await receiver.drain()];
  await expect
    .poll(async () => {
      const last = await receiver.drain();
      drained.push(last);
      return last.taken.datagrams + last.kernelDrops;
    })
    .toBe(datagrams);
  return { last: drained.at(-1), rows: drained.flatMap(({ traffic }) => [...trafficRows(traffic)]) };
}

describe("a receiver", () => {
  test("takes datagrams, adds up what they say, and counts what it cannot read", async () => {
    const { receiver } = await start();
    await using _ = receiver;
    for (const sequence of [1, 2, 3]) await send(receiver.port, flow(sequence));
    await send(receiver.port, Uint8Array.of(1, 2, 3));
    const { last, rows } = await drainUntil(receiver, 4);
    expect(last?.taken).toEqual({ datagrams: 4, bytes: 3 * flow(1).length + 3, samples: 3 });
    expect(last?.decoder.refusals).toMatchObject({ datagram_length: 1, version: 0 });
    expect(rows.reduce((sum, { estimate }) => sum + estimate.packets, 0)).toBe(30);
    expect(rows[0]).toMatchObject({ exporter: { agent: "10.0.0.1" }, ip: { source: "10.0.0.1", servicePort: 80 } });
    expect(last?.traffic.exporters).toMatchObject([{ datagrams: { received: 3, lost: 0 } }]);
  });

  test("takes the longest datagram that there is", async () => {
    const { receiver } = await start({ receiveBufferBytes: 1_000_000 });
    await using _ = receiver;
    const samples = Array.from({ length: 500 }, (_none, index) =>
      encodeSample({ format: 1, sequence: index, rate: 1, records: [header] }),
    );
    const bytes = encodeDatagram({ samples }).subarray(0, 65_507);
    await send(receiver.port, bytes);
    const { last } = await drainUntil(receiver, 1);
    expect(last?.taken.bytes).toBe(bytes.length);
    expect(last?.taken.samples).toBeGreaterThan(400);
  });

  test.runIf(existsSync("/proc/net/if_inet6"))("takes both families on ::", async () => {
    const logger = new RecordingLogger();
    await using receiver = await startReceiver({ logger }, { address: "::", port: 0, receiveBufferBytes: 65_536 });
    await send(receiver.port, flow(1));
    const sender6 = createSocket("udp6");
    await new Promise<void>((resolve) => sender6.send(flow(2), receiver.port, "::1", () => sender6.close(resolve)));
    const { last } = await drainUntil(receiver, 2);
    expect(last?.taken.samples).toBe(2);
  });

  test("tells what the kernel dropped, so that taken and dropped are what was sent", async () => {
    const { receiver } = await start({ receiveBufferBytes: 2048 });
    await using _ = receiver;
    const sent = 3000;
    await Promise.all(Array.from({ length: sent }, (_none, index) => send(receiver.port, flow(index + 1))));
    const { last } = await drainUntil(receiver, sent);
    expect(last?.kernelDrops).toBeGreaterThan(0);
    const [exporter] = last?.traffic.exporters ?? [];
    const { received = 0, lost = 0 } = exporter?.datagrams ?? {};
    // The exporter's numbers tell of all but those behind the last one that came.
    expect(received).toBe(last?.taken.datagrams);
    expect(received + lost).toBeLessThanOrEqual(sent);
  });

  test("warns when the kernel gives less room than was asked for", async () => {
    const { receiver, logger } = await start({ receiveBufferBytes: 2 ** 31 - 1 });
    await using _ = receiver;
    expect(receiver.receiveBufferBytes).toBeLessThan(2 ** 31 - 1);
    expect(logger.events).toContainEqual(
      expect.objectContaining({ level: "warn", message: expect.stringContaining("net.core.rmem_max") as string }),
    );
    const enough = await start({ receiveBufferBytes: 65_536 });
    await enough.receiver.stop();
    expect(enough.receiver.receiveBufferBytes).toBe(65_536);
    expect(enough.logger.events).toEqual([]);
  });

  test("says who has the port when somebody has, and takes it when it is free again", async () => {
    const { receiver } = await start();
    const { port } = receiver;
    await expect(start({ port })).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining(`UDP ${LOOPBACK}:${port}: another program has the port`) as string,
    });
    await receiver.stop();
    const again = await start({ port });
    expect(again.receiver.port).toBe(port);
    await again.receiver.stop();
  });

  test("says that an address is not of this machine", async () => {
    const options = { address: "192.0.2.1", port: 0, receiveBufferBytes: 65_536 };
    await expect(startReceiver({ logger: new RecordingLogger() }, options)).rejects.toMatchObject({
      code: "unavailable",
      message: "cannot take sFlow on UDP 192.0.2.1:0: this machine does not have the address",
    });
  });

  test("that has stopped says so, and may be stopped twice", async () => {
    const { receiver } = await start();
    await receiver.stop();
    await receiver.stop();
    await expect(receiver.drain()).rejects.toMatchObject({ code: "unavailable" });
  });

  test("that stops leaves nobody waiting", async () => {
    const { receiver } = await start();
    const answers = Promise.allSettled([receiver.drain(), receiver.stop(), receiver.drain()]);
    const [, stop, late] = await answers;
    expect(stop.status).toBe("fulfilled");
    expect(late.status).toBe("rejected");
  });
});
