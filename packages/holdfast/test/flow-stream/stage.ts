import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statfsSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRedisServer, type RedisServer } from "@holdfast/collector/testing";
import { freePort } from "../controller-process.ts";
import { type CollectorProcess, createCollectorProcess } from "./collector-process.ts";
import { type Exporter, startExporter } from "./exporter.ts";

/** A Redis, collectors and exporters of one test, in a folder of their own; all of it goes with it. */
export interface FlowStage extends AsyncDisposable {
  readonly folder: string;
  startRedis(...options: readonly string[]): Promise<RedisServer>;
  /** One that keeps its flows in a file of this name. */
  startCollector(redis: Pick<RedisServer, "url">, file: string, ...flags: readonly string[]): Promise<CollectorProcess>;
  startLoad(collector: CollectorProcess, perSecond: number): Exporter;
  /** A small disk that is a folder of the stage's. */
  makeDisk(name: string, size: string): SmallDisk;
}

export interface SmallDisk {
  /** Leaves no room, and gives what makes room again. */
  fill(): () => void;
}

export function createFlowStage(): FlowStage {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-stream-"));
  const stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  return {
    folder,
    async startRedis(...options) {
      const redis = stack.use(createRedisServer(folder, await freePort(), ...options));
      await redis.start();
      return redis;
    },
    async startCollector(redis, file, ...flags) {
      const own = ["--store", join(folder, file), "--redis", redis.url];
      const collector = stack.use(await createCollectorProcess(...own, ...flags));
      await collector.start();
      return collector;
    },
    startLoad: ({ port }, perSecond) => stack.use(startExporter(port, perSecond)),
    makeDisk(name, size) {
      const path = join(folder, name);
      mkdirSync(path);
      execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path]);
      stack.defer(() => void execFileSync("umount", ["-l", path]));
      return { fill: () => fillDisk(path) };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function fillDisk(path: string): () => void {
  const { bavail, bsize } = statfsSync(path);
  const ballast = join(path, "ballast");
  try {
    writeFileSync(ballast, Buffer.alloc(bavail * bsize, 1));
  } catch (error) {
    // Somebody else was faster with the last of it.
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
  return () => unlinkSync(ballast);
}
