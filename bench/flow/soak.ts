import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createRedisServer } from "@holdfast/collector/testing";
import type { FlowStatus, TopFlows } from "@holdfast/model";
import { outputOf, startChild } from "../ipam/child.ts";
import { type CollectorProgram, startCollectorProgram } from "./collector-program.ts";

/** Datagrams per second, of some six samples each. */
const OFFERED = 100_000;
const SECONDS = 60;
const LOOK_EVERY_MS = 1000;
/** For the end of it, which the collector's parts tell once a second. */
const LOOK_AGAIN_MS = 50;
const PORTS = { sflow: 16_363, http: 16_365, redis: 16_367 };

/** What datagrams go through from the receiver to the worker. */
export type SoakWay = "memory" | "redis";

export interface SoakFigures {
  /** Flow samples that were sent and are not in the store. */
  readonly lossPercent: number;
  /** Of the collector's resident memory: the most, and by how much more that was in the last third than in the second. */
  readonly rssMib: number;
  readonly growthMib: number;
  /** Datagrams that were read before news of addresses had settled; they are not lost. */
  readonly early: number;
  /** Datagrams in the store, per second from the first that was sent until no more than a second of them was still to be read. */
  readonly ratePerSecond: number;
  /** How far behind what comes it read at most. */
  readonly behindSeconds: number;
  /** Datagrams that were lost, by where. */
  readonly lost: { readonly kernel: number; readonly stream: number };
}

interface Sent {
  readonly datagrams: number;
  readonly flowSamples: number;
  readonly seconds: number;
}

/** What is seen of the collector while it works, every second. */
interface Looks {
  /** MiB, resident. */
  readonly memory: number[];
  readonly behind: number[];
}

/** Sends to the collector as a program for a minute, and asks its store what has come of it. */
export async function measureSoak(way: SoakWay = "memory"): Promise<SoakFigures> {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-bench-soak-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const redis = way === "redis" ? stack.use(createRedisServer(folder, PORTS.redis)) : undefined;
  await redis?.start();
  const flags = redis === undefined ? [] : ["--redis", redis.url];
  const collector = stack.use(await startCollectorProgram(join(folder, "flows.db"), PORTS, ...flags));
  const looks: Looks = { memory: [], behind: [] };
  const looking = new AbortController();
  const looked = look(collector, looks, looking.signal);
  const sender = [process.execPath, join(import.meta.dirname, "sender.ts"), String(PORTS.sflow)];
  const sent = JSON.parse(await outputOf(startChild([...sender, String(OFFERED), String(SECONDS)]))) as Sent;
  const ended = performance.now();
  await untilRead(collector);
  const seconds = sent.seconds + (performance.now() - ended) / 1000;
  await untilTold(collector);
  looking.abort();
  await looked;
  return { ...memoryFigures(looks), ...(await stored(collector, sent, seconds)), behindSeconds: most(looks.behind) };
}

/** @param seconds from the first datagram until the last one was read */
async function stored(
  collector: CollectorProgram,
  { datagrams, flowSamples }: Sent,
  seconds: number,
): Promise<Pick<SoakFigures, "lossPercent" | "ratePerSecond" | "early" | "lost">> {
  const { total } = await collector.get<TopFlows>("/v1/flows/top?by=&last=10m");
  const { lost } = await collector.get<FlowStatus>("/v1/flows/status");
  const share = total.samples / flowSamples;
  return {
    lossPercent: 100 * (1 - share),
    ratePerSecond: (share * datagrams) / seconds,
    early: lost.early,
    lost: { kernel: lost.kernel, stream: lost.stream ?? 0 },
  };
}

function memoryFigures({ memory }: Looks): Pick<SoakFigures, "rssMib" | "growthMib"> {
  const third = Math.floor(memory.length / 3);
  return { rssMib: most(memory), growthMib: most(memory.slice(2 * third)) - most(memory.slice(third, 2 * third)) };
}

function most(of: readonly number[]): number {
  return Math.max(0, ...of);
}

/** Until what waits between receiver and worker is no more than a second of it. */
async function untilRead(collector: CollectorProgram): Promise<void> {
  for (;;) {
    const { stream } = await collector.get<FlowStatus>("/v1/flows/status");
    if ((stream?.receiver?.waiting ?? 0) < OFFERED && (stream?.worker?.behindSeconds ?? 0) < 1) return;
    await pause(LOOK_AGAIN_MS);
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

async function look(collector: CollectorProgram, { memory, behind }: Looks, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const status = await readFile(`/proc/${collector.pid}/status`, "utf8");
    memory.push(Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024);
    const { stream } = await collector.get<FlowStatus>("/v1/flows/status");
    behind.push(stream?.worker?.behindSeconds ?? 0);
    await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}
