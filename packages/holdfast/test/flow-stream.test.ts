import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CollectorProcess, createCollectorProcess } from "./flow-stream/collector-process.ts";
import { startExporter } from "./flow-stream/exporter.ts";
import { createRedisServer, type RedisServer } from "./flow-stream/redis-server.ts";

/** Of load, for each way in which something ends. */
const SECONDS = Number(process.env.HOLDFAST_FLOW_SECONDS ?? 8);
const PER_SECOND = Number(process.env.HOLDFAST_FLOW_RATE ?? 2000);

let folder: string;
let redis: RedisServer;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-stream-"));
  redis = await createRedisServer(folder);
  await redis.start();
});
afterEach(async () => {
  await redis[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** Nothing is on its way any more. */
async function allKept(collector: CollectorProcess): Promise<void> {
  let before = -1;
  await expect
    .poll(
      async () => {
        const [last, now] = [before, await collector.storedPackets()];
        before = now;
        return last === now;
      },
      { interval: 2500, timeout: 30_000 },
    )
    .toBe(true);
}

describe("flows by way of Redis, under load", { timeout: (SECONDS + 60) * 1000 }, () => {
  test("nothing is lost", async () => {
    await using collector = await createCollectorProcess("--store", join(folder, "flows.db"), "--redis", redis.url);
    await collector.start();
    await using exporter = startExporter(collector.port, PER_SECOND);
    await pause(SECONDS * 1000);
    await exporter.stop();
    await allKept(collector);
    expect(await collector.storedPackets()).toBe(exporter.sent);
  });
});
