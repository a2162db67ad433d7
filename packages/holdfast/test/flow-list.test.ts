import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { createRedisServer, type RedisServer } from "@holdfast/collector/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "./controller-process.ts";
import { createCollectorProcess } from "./flow-stream/collector-process.ts";
import { startExporter } from "./flow-stream/exporter.ts";

interface Document {
  readonly "@timestamp": string;
  readonly id: string;
  readonly kind: string;
  readonly packets: number;
  readonly source: { readonly address: string };
}

const PIPELINE = resolve(import.meta.dirname, "../../../deploy/logstash/holdfast-flows.conf");

let folder: string;
let redis: RedisServer;
let stack: AsyncDisposableStack;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-list-"));
  stack = new AsyncDisposableStack();
  redis = stack.use(createRedisServer(folder, await freePort(), "--appendfsync", "always"));
  await redis.start();
});
afterEach(async () => {
  await stack.disposeAsync();
  rmSync(folder, { recursive: true, force: true });
});

async function startCollector(...flags: readonly string[]) {
  const memory = ["--store", "none", "--redis", redis.url, "--redis-stream", "none"];
  const collector = stack.use(await createCollectorProcess(...memory, ...flags));
  await collector.start();
  return collector;
}

async function ask(...words: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("redis-cli", ["-u", redis.url, "--raw", ...words]);
  return stdout.trim();
}

/** What the pipeline file says of its input. */
function inputOf(file: string): ReadonlyMap<string, string> {
  const input = /^input \{\n {2}redis \{\n(.*?)\n {2}\}\n\}/ms.exec(readFileSync(file, "utf8"))?.[1] ?? "";
  return new Map(
    [...input.matchAll(/^\s+(\w+) => "?([^"\n]*)"?$/gm)].map(([, name = "", value = ""]) => [name, value]),
  );
}

/** Takes documents as Logstash's input does: so many from the beginning of the list at once. */
async function takeDocuments(key: string, batch: number): Promise<Document[]> {
  const text = await ask("LPOP", key, String(batch));
  return text === "" ? [] : text.split("\n").map((line) => JSON.parse(line) as Document);
}

describe("flows in a list of Redis", { timeout: 60_000 }, () => {
  test("are taken by the settings of the pipeline file for Logstash: every packet once, with its end", async () => {
    const input = inputOf(PIPELINE);
    expect([input.get("data_type"), input.get("codec")]).toEqual(["list", "json"]);
    const [key, batch] = [input.get("key") ?? "", Number(input.get("batch_count"))];
    const collector = await startCollector("--redis-list", key);
    await using exporter = startExporter(collector.port, 500);
    await pause(2500);
    await exporter.stop();
    const taken: Document[] = [];
    await expect
      .poll(
        async () => {
          taken.push(...(await takeDocuments(key, batch)));
          return taken.reduce((sum, { packets }) => sum + packets, 0);
        },
        { interval: 500, timeout: 20_000 },
      )
      .toBe(exporter.sent);
    expect(new Set(taken.map(({ id }) => id)).size).toBe(taken.length);
    expect(taken[0]).toMatchObject({ kind: "window", protocol: "tcp", service: 443, attributed: false });
    expect(Math.abs(Date.parse(taken[0]?.["@timestamp"] ?? "") - Date.now())).toBeLessThan(60_000);
  });

  test("have a bound: the oldest go, and are counted as dropped", async () => {
    const flags = ["--redis-list", "flows", "--redis-list-content", "samples", "--redis-list-length", "50"];
    const collector = await startCollector(...flags, "--window-samples", "40");
    await using exporter = startExporter(collector.port, 500);
    await pause(5000);
    await exporter.stop();
    await expect.poll(async () => (await collector.status()).list?.dropped, { timeout: 20_000 }).toBeGreaterThan(0);
    const { pushed = 0, dropped = 0 } = (await collector.status()).list ?? {};
    expect(Number(await ask("LLEN", "flows"))).toBe(50);
    expect(pushed - dropped).toBe(50);
    const [newest] = (await ask("LRANGE", "flows", "-1", "-1")).split("\n");
    expect(JSON.parse(newest ?? "")).toMatchObject({ kind: "sample", rate: 1 });
  });

  test("wait for a Redis that is killed, and are there when it runs again", async () => {
    const collector = await startCollector("--redis-list", "flows");
    await using exporter = startExporter(collector.port, 500);
    await pause(1000);
    await redis.kill();
    await expect.poll(async () => (await collector.status()).list?.error, { timeout: 20_000 }).toContain("Redis at");
    await redis.start();
    await exporter.stop();
    const packets = async (): Promise<number> => {
      const lines = (await ask("LRANGE", "flows", "0", "-1")).split("\n").filter((line) => line !== "");
      return lines.reduce((sum, line) => sum + (JSON.parse(line) as Document).packets, 0);
    };
    await expect.poll(packets, { timeout: 20_000 }).toBe(exporter.sent);
    expect((await collector.status()).list).toMatchObject({ dropped: 0, waitingWindows: 0 });
  });
});
