import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { readKernelDrops } from "@holdfast/collector";
import { outputOf, startChild } from "../ipam/child.ts";
import { setReceiveBuffer } from "./receive-buffer.ts";
import { BUFFER_BYTES, type ReceiverProgram } from "./receivers.ts";

/** Datagrams per second that are offered: some 700,000 samples. */
const OFFERED = 120_000;
const WARM_UP_SECONDS = 3;
const SECONDS = 6;
/** Clock ticks in a second as `/proc` counts (sysconf(_SC_CLK_TCK)). */
const TICKS = 100;
const LOOK_AGAIN_MS = 300;

export interface LoadFigures {
  /** That were taken, per second of the processor's time in user and kernel, of all processes of the program together. */
  readonly samplesPerSecond: number;
  /** Datagrams that the kernel dropped. */
  readonly lossPercent: number;
}

interface Sent {
  readonly datagrams: number;
  readonly samples: number;
}

/** Runs a receiver, sends to it, and looks at what that took. */
export async function measureReceiver({ name, argv }: ReceiverProgram, port: number): Promise<LoadFigures> {
  const child = startChild(argv);
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  try {
    await untilBound(name, port);
    await setReceiveBuffer(child.pid ?? 0, port, BUFFER_BYTES);
    await send(port, WARM_UP_SECONDS);
    await untilIdle(child.pid);
    const [ticks, drops] = [await ticksOf(child.pid), await readKernelDrops(port)];
    const sent = await send(port, SECONDS);
    await untilIdle(child.pid);
    const seconds = ((await ticksOf(child.pid)) - ticks) / TICKS;
    const lost = ((await readKernelDrops(port)) - drops) / sent.datagrams;
    return { samplesPerSecond: (sent.samples * (1 - lost)) / seconds, lossPercent: lost * 100 };
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}

async function send(port: number, seconds: number): Promise<Sent> {
  const sender = join(import.meta.dirname, "sender.ts");
  return JSON.parse(
    await outputOf(startChild([process.execPath, sender, String(port), String(OFFERED), String(seconds)])),
  ) as Sent;
}

/** Programs say nothing when they are ready: their socket does. */
async function untilBound(name: string, port: number): Promise<void> {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
  for (let tries = 0; tries < 100; tries++) {
    if ((await readFile("/proc/net/udp", "utf8")).includes(wanted)) return;
    await pause(LOOK_AGAIN_MS);
  }
  throw new TypeError(`${name} does not open UDP port ${port}`);
}

/** What is still in its buffers when the last datagram was sent is work as well. */
async function untilIdle(pid: number | undefined): Promise<void> {
  for (let before = -1, now = await ticksOf(pid); now > before + 1; ) {
    await pause(LOOK_AGAIN_MS);
    [before, now] = [now, await ticksOf(pid)];
  }
}

/** Of a process and its children: `setpriv` becomes the program, sfacctd has a process per plugin. */
async function ticksOf(pid: number | undefined): Promise<number> {
  const all = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(all.map((name) => readFile(`/proc/${name}/stat`, "utf8").catch(() => "")));
  return stats
    .map((stat) => ({ pid: Number.parseInt(stat, 10), fields: stat.slice(stat.lastIndexOf(")") + 2).split(" ") }))
    .filter((process) => process.pid === pid || Number(process.fields[1]) === pid)
    .reduce((sum, { fields }) => sum + Number(fields[11]) + Number(fields[12]), 0);
}
