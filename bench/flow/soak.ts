import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { FlowStatus, TopFlows } from "@holdfast/model";
import { outputOf, startChild } from "../ipam/child.ts";
import { type CollectorProgram, startCollectorProgram } from "./collector-program.ts";

/** Datagrams per second, of some six samples each. */
const OFFERED = 100_000;
const SECONDS = 60;
const LOOK_EVERY_MS = 1000;
const PORTS = { sflow: 16_363, http: 16_365 };

export interface SoakFigures {
  /** Flow samples that were sent and are not in the store. */
  readonly lossPercent: number;
  /** Of the collector's resident memory: the most, and by how much more that was in the last third than in the second. */
  readonly rssMib: number;
  readonly growthMib: number;
  /** Datagrams that were read before news of addresses had settled; they are not lost. */
  readonly early: number;
}

interface Sent {
  readonly flowSamples: number;
}

/** Sends to the collector as a program for a minute, and asks its store what has come of it. */
export async function measureSoak(): Promise<SoakFigures> {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-bench-soak-"));
  try {
    await using collector = await startCollectorProgram(join(folder, "flows.db"), PORTS);
    const memory: number[] = [];
    const looking = new AbortController();
    const looked = look(collector, memory, looking.signal);
    const sender = [process.execPath, join(import.meta.dirname, "sender.ts"), String(PORTS.sflow)];
    const { flowSamples } = JSON.parse(
      await outputOf(startChild([...sender, String(OFFERED), String(SECONDS)])),
    ) as Sent;
    await untilTold(collector);
    looking.abort();
    await looked;
    const { total } = await collector.get<TopFlows>("/v1/flows/top?by=&last=10m");
    const { lost } = await collector.get<FlowStatus>("/v1/flows/status");
    const third = Math.floor(memory.length / 3);
    const most = (of: readonly number[]): number => Math.max(...of);
    return {
      lossPercent: 100 * (1 - total.samples / flowSamples),
      rssMib: most(memory),
      growthMib: most(memory.slice(2 * third)) - most(memory.slice(third, 2 * third)),
      early: lost.early,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Until what came last has been added up and stored. */
async function untilTold(collector: CollectorProgram): Promise<void> {
  const sent = Date.now();
  for (;;) {
    const { window } = await collector.get<FlowStatus>("/v1/flows/status");
    if (window !== undefined && Date.parse(window.start) > sent + 2000) break;
    await pause(LOOK_EVERY_MS);
  }
  // The window that says so is behind those that the store is taking.
  await pause(2 * LOOK_EVERY_MS);
}

/** MiB of the collector, every second. */
async function look({ pid }: CollectorProgram, memory: number[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    memory.push(Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024);
    await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}
