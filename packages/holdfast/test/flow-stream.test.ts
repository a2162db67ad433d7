import { setTimeout as pause } from "node:timers/promises";
import type { FlowStatus } from "@holdfast/model";
import { describe, type ExpectStatic, test } from "vitest";
import type { CollectorProcess } from "./flow-stream/collector-process.ts";
import type { Exporter } from "./flow-stream/exporter.ts";
import { createFlowStage } from "./flow-stream/stage.ts";

/** Of load, for each way in which something ends. */
const SECONDS = Number(process.env.HOLDFAST_FLOW_SECONDS ?? 4);
/** Datagrams. */
const PER_SECOND = Number(process.env.HOLDFAST_FLOW_RATE ?? 2000);
const MIB = 1024 * 1024;

/** Two halves of the load, and what happens between them. */
async function under(load: Exporter, happens: () => Promise<void>): Promise<void> {
  await pause(SECONDS * 500);
  await happens();
  await pause(SECONDS * 500);
  await load.stop();
}

/** Milliseconds: a window, and some for the way to the store. */
const NEXT_WINDOW = 3000;

/**
 * Waits until all that was sent is in the store or counted as lost, and holds that it stays so.
 *
 * @param expect of the test, of which several run at once
 * @param of the losses, what is not in the store
 */
async function balance(
  expect: ExpectStatic,
  reader: CollectorProcess,
  sent: number,
  of: "missing" | "stream",
): Promise<FlowStatus["lost"]> {
  const accounted = async (): Promise<number> => {
    const { lost } = await reader.status();
    return (await reader.storedPackets()) + (lost[of] ?? 0);
  };
  await expect.poll(accounted, { interval: 500, timeout: 40_000 }).toBe(sent);
  await pause(NEXT_WINDOW);
  expect(await accounted()).toBe(sent);
  return (await reader.status()).lost;
}

describe.concurrent("flows by way of Redis, under load", { timeout: (SECONDS + 90) * 1000 }, () => {
  test("Redis is killed, which writes down what it takes: what is lost is what it had not written, and is counted", async ({
    expect,
  }) => {
    await using stage = createFlowStage();
    const redis = await stage.startRedis();
    const collector = await stage.startCollector(redis, "flows.db");
    const load = stage.startLoad(collector, PER_SECOND);
    await under(load, async () => {
      await redis.kill();
      await pause(1000);
      expect((await collector.status()).stream?.receiver).toMatchObject({ redis: { state: "away" } });
      await redis.start();
    });
    const lost = await balance(expect, collector, load.sent, "missing");
    // Redis puts a write off for two seconds at most while the disk is slow.
    expect(lost.stream).toBeLessThanOrEqual(2 * PER_SECOND);
    expect(lost).toMatchObject({ kernel: 0, store: 0, missing: lost.stream });
  });

  test("Redis is killed, which writes nothing down: what is lost is what it had, and is counted", async ({
    expect,
  }) => {
    await using stage = createFlowStage();
    const redis = await stage.startRedis("--appendonly", "no");
    const collector = await stage.startCollector(redis, "flows.db");
    const load = stage.startLoad(collector, PER_SECOND);
    await under(load, async () => {
      await redis.kill();
      await redis.start();
    });
    const lost = await balance(expect, collector, load.sent, "stream");
    expect(lost.stream).toBeGreaterThan(0);
    // What settled in it.
    expect(lost.stream).toBeLessThan(4 * PER_SECOND);
  });

  test("the collector is killed: what is lost is what came before it ran again, and is counted", async ({ expect }) => {
    await using stage = createFlowStage();
    const redis = await stage.startRedis();
    const collector = await stage.startCollector(redis, "flows.db");
    const load = stage.startLoad(collector, PER_SECOND);
    let away = 0;
    await under(load, async () => {
      const began = performance.now();
      await collector.kill();
      await collector.start();
      away = (performance.now() - began) / 1000;
    });
    const lost = await balance(expect, collector, load.sent, "missing");
    expect(lost.missing).toBeGreaterThan(0);
    expect(lost.missing).toBeLessThan((away + 1) * PER_SECOND);
  });

  test("the worker is killed, and its store with it: nothing is lost, and nothing is counted twice", async ({
    expect,
  }) => {
    await using stage = createFlowStage();
    const redis = await stage.startRedis();
    const receiver = await stage.startCollector(redis, "none.db", "--redis-role", "receiver");
    const worker = await stage.startCollector(redis, "flows.db", "--redis-role", "worker");
    const load = stage.startLoad(receiver, PER_SECOND);
    await under(load, async () => {
      for (let kill = 0; kill < 3; kill++) {
        await worker.kill();
        await worker.start();
        await pause(500);
      }
    });
    const lost = await balance(expect, worker, load.sent, "missing");
    expect(lost).toMatchObject({ kernel: 0, missing: 0, store: 0, stream: 0 });
  });

  test("the store's disk is full, and its worker is killed as well: its windows are in the stream, and nothing is lost", async ({
    expect,
  }) => {
    await using stage = createFlowStage();
    const disk = stage.makeDisk("disk", "24m");
    const redis = await stage.startRedis();
    const receiver = await stage.startCollector(redis, "none.db", "--redis-role", "receiver");
    const worker = await stage.startCollector(redis, "disk/flows.db", "--redis-role", "worker");
    const load = stage.startLoad(receiver, PER_SECOND);
    await under(load, async () => {
      const clear = disk.fill();
      const waiting = async () => (await worker.status()).stream?.worker;
      await expect.poll(async () => (await waiting())?.storeError, { timeout: 20_000 }).toContain("No space left");
      await expect.poll(async () => (await waiting())?.unkeptWindows, { timeout: 20_000 }).toBeGreaterThan(1);
      await worker.kill();
      clear();
      await worker.start();
    });
    const lost = await balance(expect, worker, load.sent, "missing");
    expect(lost).toMatchObject({ kernel: 0, missing: 0, store: 0, stream: 0 });
    expect((await worker.status()).stream?.worker).not.toHaveProperty("storeError");
  });

  test("the disk of Redis is full: datagrams wait in the receiver, and nothing is lost", async ({ expect }) => {
    await using stage = createFlowStage();
    const disk = stage.makeDisk("redis", "40m");
    const redis = await stage.startRedis();
    const collector = await stage.startCollector(redis, "flows.db");
    const load = stage.startLoad(collector, PER_SECOND);
    await under(load, async () => {
      const clear = disk.fill();
      await expect
        .poll(async () => (await collector.status()).stream?.receiver, { timeout: 20_000 })
        .toMatchObject({ waiting: expect.any(Number), redis: { error: expect.stringContaining("MISCONF") } });
      clear();
    });
    const lost = await balance(expect, collector, load.sent, "missing");
    expect(lost).toMatchObject({ kernel: 0, missing: 0, store: 0, stream: 0 });
  });

  test("Redis was away: it has what waited soon after it is back, though nothing more comes", async ({ expect }) => {
    await using stage = createFlowStage();
    const redis = await stage.startRedis();
    const receiver = await stage.startCollector(redis, "none.db", "--redis-role", "receiver");
    const counts = async () => (await receiver.status()).stream?.receiver;
    await expect.poll(async () => (await counts())?.redis.state, { timeout: 10_000 }).toBe("connected");
    await redis.kill();
    const load = stage.startLoad(receiver, 5 * PER_SECOND);
    await pause(SECONDS * 1000);
    await load.stop();
    await expect.poll(async () => (await counts())?.waiting, { timeout: 10_000 }).toBe(load.sent);
    await redis.start();
    await expect.poll(async () => (await counts())?.redis.state, { timeout: 10_000 }).toBe("connected");
    // Dozens of entries; each was on its way for several looks for datagrams.
    await expect.poll(async () => (await counts())?.sent, { interval: 200, timeout: 3000 }).toBe(load.sent);
  });

  test("nobody reads until the stream has no more room: the oldest are lost, and counted when somebody reads", async ({
    expect,
  }) => {
    await using stage = createFlowStage();
    const redis = await stage.startRedis();
    const bound = ["--redis-stream-memory", "1"];
    const receiver = await stage.startCollector(redis, "none.db", "--redis-role", "receiver", ...bound);
    const load = stage.startLoad(receiver, PER_SECOND);
    await under(load, () => pause(4000));
    const { bytes = 0 } = (await receiver.status()).stream?.receiver ?? {};
    expect(bytes).toBeLessThan(2 * MIB);
    const worker = await stage.startCollector(redis, "flows.db", "--redis-role", "worker");
    const lost = await balance(expect, worker, load.sent, "stream");
    expect(lost.stream).toBeGreaterThan(0);
  });

  test("a second worker stands by, and takes over when the first is killed", async ({ expect }) => {
    await using stage = createFlowStage();
    const redis = await stage.startRedis();
    const receiver = await stage.startCollector(redis, "none.db", "--redis-role", "receiver");
    const first = await stage.startCollector(redis, "first.db", "--redis-role", "worker");
    await expect.poll(async () => (await first.status()).stream?.worker?.state, { timeout: 10_000 }).toBe("reading");
    const second = await stage.startCollector(redis, "second.db", "--redis-role", "worker");
    await expect.poll(async () => (await second.status()).stream?.worker?.state, { timeout: 10_000 }).toBe("standby");
    const load = stage.startLoad(receiver, PER_SECOND);
    let before = 0;
    await under(load, async () => {
      await expect.poll(async () => (before = await first.storedPackets()), { timeout: 20_000 }).toBeGreaterThan(0);
      await first.kill();
    });
    await first.start();
    const both = async (): Promise<number> => (await first.storedPackets()) + (await second.storedPackets());
    await expect.poll(both, { interval: 500, timeout: 40_000 }).toBeGreaterThanOrEqual(load.sent);
    await pause(NEXT_WINDOW);
    // Only what the first one had stored and could not acknowledge any more is in both: a window.
    expect(await both()).toBeLessThanOrEqual(load.sent + 2 * PER_SECOND);
    expect((await second.status()).lost.stream).toBe(0);
    expect(before).toBeGreaterThan(0);
  });
});
