import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { createCollectorProcess } from "./flow-stream/collector-process.ts";
import { createFlowStage } from "./flow-stream/stage.ts";

const PROGRAM = resolve(import.meta.dirname, "../../../bin/holdfast");

async function holdfast(...words: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(PROGRAM, words);
  return stdout;
}

/** What a collector with this store says; nothing comes to it. */
async function packetsIn(store: string): Promise<number> {
  await using reader = await createCollectorProcess("--store", store);
  await reader.start();
  return await reader.storedPackets();
}

test("what the stream has is saved, and read again into a store, as it was; who works on the stream does not notice", {
  timeout: 90_000,
}, async () => {
  await using stage = createFlowStage();
  const redis = await stage.startRedis();
  const collector = await stage.startCollector(redis, "flows.db");
  const load = stage.startLoad(collector, 500);
  await pause(3000);
  await load.stop();
  await expect.poll(() => collector.storedPackets(), { interval: 500, timeout: 20_000 }).toBe(load.sent);

  const [stored, capture, again] = ["stream.db", "saved.pcap", "again.db"].map((name) => join(stage.folder, name));
  const where = ["--redis", redis.url];
  expect(await holdfast("sflow", "replay", "--store", stored ?? "", ...where, "--no-names")).toContain(
    `${load.sent} datagrams of `,
  );
  expect(await packetsIn(stored ?? "")).toBe(load.sent);
  expect(await holdfast("sflow", "save", capture ?? "", ...where)).toBe(`${load.sent} datagrams saved to ${capture}\n`);
  const summary = await holdfast("sflow", "replay", capture ?? "", "--store", again ?? "", "--no-names", "-o", "json");
  expect(JSON.parse(summary)).toMatchObject({ datagrams: load.sent, samples: load.sent, refused: 0 });
  expect(await packetsIn(again ?? "")).toBe(load.sent);

  expect((await collector.status()).stream?.worker).toMatchObject({ state: "reading", lost: 0, repeated: 0 });
  expect(await collector.storedPackets()).toBe(load.sent);
  for (const words of [
    ["replay", "--store", again ?? "", "--no-names"],
    ["save", capture ?? ""],
  ])
    await expect(holdfast("sflow", ...words, ...where)).rejects.toThrow("is there already; name another file");
  await expect(
    holdfast("sflow", "save", join(stage.folder, "none"), ...where, "--redis-stream", "none"),
  ).rejects.toThrow("there is no stream none in this Redis");
});
