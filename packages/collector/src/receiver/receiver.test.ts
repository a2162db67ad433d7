import { createSocket, type Socket } from "node:dgram";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { RecordingLogger } from "@holdfast/core/testing";
import { trafficRows } from "@holdfast/flow";
import { encodeDatagram, encodeHeaderRecord, encodeSample, ethernet, ipv4, tcp } from "@holdfast/flow/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readKernelDrops } from "./kernel-drops.ts";
import { startReceiver } from "./receiver.ts";
import type { SampledWindow } from "./windowing.ts";

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

async function start(options: { address?: string; port?: number; receiveBufferBytes?: number } = {}) {
  const logger = new RecordingLogger();
  const windows: SampledWindow[] = [];
  const receiver = await startReceiver(
    { logger, onWindow: (window) => windows.push(window) },
    { address: LOOPBACK, port: 0, receiveBufferBytes: 65_536, windowMs: 60_000, settleMs: 0, holdBytes: 0, ...options },
  );
  /** Stops when all that was sent has been taken or dropped, and gives what there was. */
  const finish = async (datagrams: number) => {
    const drops = await kernelIsDone(receiver.port);
    await receiver.stop();
    const last = windows.at(-1);
    expect((last?.taken.datagrams ?? 0) + drops).toBe(datagrams);
    return { last, drops, rows: windows.flatMap(({ traffic }) => [...trafficRows(traffic)]) };
  };
  return { receiver, logger, finish };
}

/** Waits until nothing is in the socket's buffer, and gives what was dropped. */
async function kernelIsDone(port: number): Promise<number> {
  await expect.poll(async () => waitingBytes(port)).toBe(0);
  return await readKernelDrops(port);
}

async function waitingBytes(port: number): Promise<number> {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const tables = await Promise.all(
    ["/proc/net/udp", "/proc/net/udp6"].map((path) => readFile(path, "utf8").catch(() => "")),
  );
  return tables
    .flatMap((table) => table.split("\n").map((line) => line.trim().split(/\s+/)))
    .filter((columns) => columns[1]?.endsWith(wanted) === true)
    .reduce((sum, columns) => sum + Number.parseInt(columns[4]?.split(":")[1] ?? "0", 16), 0);
}

describe("a receiver", () => {
  test("takes datagrams, adds up what they say, and counts what it cannot read", async () => {
    const { receiver, finish } = await start();
    await using _ = receiver;
    for (const sequence of [1, 2, 3]) await send(receiver.port, flow(sequence));
    await send(receiver.port, Uint8Array.of(1, 2, 3));
    const { last, rows } = await finish(4);
    expect(last?.taken).toEqual({ datagrams: 4, bytes: 3 * flow(1).length + 3, samples: 3, early: 0 });
    expect(last?.decoder.refusals).toMatchObject({ datagram_length: 1, version: 0 });
    expect(rows.reduce((sum, { estimate }) => sum + estimate.packets, 0)).toBe(30);
    expect(rows[0]).toMatchObject({ exporter: { agent: "10.0.0.1" }, ip: { source: "10.0.0.1", servicePort: 80 } });
    expect(last?.traffic.exporters).toMatchObject([{ datagrams: { received: 3, lost: 0 } }]);
  });

  test("takes the longest datagram that there is", async () => {
    const { receiver, finish } = await start({ receiveBufferBytes: 1_000_000 });
    await using _ = receiver;
    const samples = Array.from({ length: 500 }, (_none, index) =>
      encodeSample({ format: 1, sequence: index, rate: 1, records: [header] }),
    );
    const bytes = encodeDatagram({ samples }).subarray(0, 65_507);
    await send(receiver.port, bytes);
    const { last } = await finish(1);
    expect(last?.taken.bytes).toBe(bytes.length);
    expect(last?.taken.samples).toBeGreaterThan(400);
  });

  test.runIf(existsSync("/proc/net/if_inet6"))("takes both families on ::", async () => {
    const { receiver, finish } = await start({ address: "::" });
    await using _ = receiver;
    await send(receiver.port, flow(1));
    const sender6 = createSocket("udp6");
    await new Promise<void>((resolve) => sender6.send(flow(2), receiver.port, "::1", () => sender6.close(resolve)));
    const { last } = await finish(2);
    expect(last?.taken.samples).toBe(2);
  });

  test("tells what the kernel dropped, so that taken and dropped are what was sent", async () => {
    const { receiver, finish } = await start({ receiveBufferBytes: 2048 });
    await using _ = receiver;
    const sent = 3000;
    await Promise.all(Array.from({ length: sent }, (_none, index) => send(receiver.port, flow(index + 1))));
    const { last, drops } = await finish(sent);
    expect(drops).toBeGreaterThan(0);
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
    await expect(start({ address: "192.0.2.1" })).rejects.toMatchObject({
      code: "unavailable",
      message: "cannot take sFlow on UDP 192.0.2.1:0: this machine does not have the address",
    });
  });

  test("may be stopped twice, and has then ended", async () => {
    const { receiver } = await start();
    await Promise.all([receiver.stop(), receiver.stop()]);
    await receiver.stop();
    await expect(receiver.ended).resolves.toBeUndefined();
  });
});
