import { createSocket, type Socket } from "node:dgram";
import { systemClock } from "@holdfast/core";
import { RecordingLogger } from "@holdfast/core/testing";
import { encodeDatagram, encodeHeaderRecord, encodeSample, ethernet, ipv4, tcp } from "@holdfast/flow/testing";
import { flowStatusSchema } from "@holdfast/model";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Collector, startCollector } from "./collector.ts";
import type { WindowStore } from "./windows/store.ts";
import type { TrafficWindow } from "./windows/traffic.ts";

const LOOPBACK = "127.0.0.1";
const header = encodeHeaderRecord(
  ethernet({}, ipv4({ source: "192.0.2.9", destination: "10.20.0.5" }, tcp({ destination: 443 }))),
  { frameLength: 1004 },
);
const flow = (sequence: number): Uint8Array =>
  encodeDatagram({
    agent: "10.9.9.1",
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

async function start(options: { take?: WindowStore["take"]; windowSeconds?: number } = {}) {
  const windows: TrafficWindow[] = [];
  const take = (window: TrafficWindow): Promise<void> => {
    windows.push(window);
    return Promise.resolve();
  };
  const store = { kind: "list", description: "A list.", take: options.take ?? take };
  const logger = new RecordingLogger();
  const collector = await startCollector(
    { clock: systemClock, logger, store },
    {
      listen: { host: LOOPBACK, port: 0 },
      status: { host: LOOPBACK, port: 0 },
      receiveBuffer: 65_536,
      settle: 100,
      holdMemory: 65_536,
      prefixes: [],
      windowSeconds: options.windowSeconds ?? 60,
    },
  );
  return { collector, windows, logger };
}

async function get({ statusAddress: { host, port } }: Collector, path: string) {
  const response = await fetch(`http://${host}:${port}${path}`);
  return { status: response.status, text: await response.text() };
}

describe("a collector", () => {
  test("gives what is under way to its store when it stops", async () => {
    const { collector, windows } = await start();
    for (const sequence of [1, 2, 3]) await send(collector.port, flow(sequence));
    await collector.stop();
    await collector.stop();
    await expect(collector.ended).resolves.toBeUndefined();
    const rows = windows.flatMap((window) => window.rows);
    expect(rows.reduce((sum, { packets }) => sum + packets, 0)).toBe(30);
    expect(rows[0]).toMatchObject({
      exporter: { agent: "10.9.9.1" },
      isCounted: true,
      isAttributed: false,
      protocol: 6,
      servicePort: 443,
    });
    expect(windows.every(({ start }) => start % 60_000 === 0)).toBe(true);
  });

  test("tells rates, refusals and the share without a name when a window is over", async () => {
    const { collector } = await start({ windowSeconds: 1 });
    for (const sequence of [1, 2, 4]) await send(collector.port, flow(sequence));
    await send(collector.port, Uint8Array.of(1, 2, 3));
    await expect.poll(() => collector.status().taken.datagrams, { timeout: 5000 }).toBe(4);
    const { status, text } = await get(collector, "/v1/flows/status");
    expect(status).toBe(200);
    const told = flowStatusSchema.parse(JSON.parse(text));
    expect(told).toMatchObject({
      refused: { datagram_length: 1 },
      lost: { kernel: 0, missing: 1, leftOut: 0, store: 0 },
      share: { unattributedPercent: 100 },
      exporters: [{ agent: "10.9.9.1", received: 3, lost: 1, samplingRates: [10], state: "heard" }],
      store: { kind: "list" },
    });
    expect((await get(collector, "/metrics")).text).toContain(
      'holdfast_collector_refused_total{reason="datagram_length"} 1\n',
    );
    expect((await get(collector, "/healthz")).status).toBe(200);
    expect((await get(collector, "/nothing")).status).toBe(404);
    await collector.stop();
  });

  test("counts the rows that its store does not take, says why, and goes on", async () => {
    const { collector, logger } = await start({
      windowSeconds: 1,
      take: () => Promise.reject(new TypeError("disk full")),
    });
    await send(collector.port, flow(1));
    await expect.poll(() => collector.status().lost.store, { timeout: 5000 }).toBe(1);
    expect(collector.status().lost.storeError).toBe("disk full");
    expect(logger.events.some(({ level }) => level === "warn")).toBe(true);
    await collector.stop();
  });

  test("leaves nothing behind when its status cannot be served", async () => {
    const { collector } = await start();
    const { port } = collector.statusAddress;
    const second = startCollector(
      {
        clock: systemClock,
        logger: new RecordingLogger(),
        store: { kind: "", description: "", take: () => Promise.resolve() },
      },
      {
        listen: { host: LOOPBACK, port: 0 },
        status: { host: LOOPBACK, port },
        receiveBuffer: 65_536,
        settle: 0,
        holdMemory: 0,
        prefixes: [],
      },
    );
    await expect(second).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("--status") as string,
    });
    await collector.stop();
  });
});
