import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { HoldfastError, type IpAddress } from "@holdfast/core";
import type { LabSpace } from "../space.ts";
import type { GapReport } from "./probe-log.ts";

/** Where a probe or an echo runs. */
export interface ProbePlace {
  readonly space: LabSpace;
  /** A process in whose network the program runs, e.g. a container's, from `LabHost.containerPid`; the program ends with it. */
  readonly inside?: number;
}

/** What a probe aims at. */
export interface UdpTarget {
  readonly address: IpAddress | string;
  readonly port: number;
  /** Milliseconds between two probes. Default 1. */
  readonly interval?: number;
}

/** A running stream of probes; disposing ends it. */
export interface ProbeStream extends AsyncDisposable {
  /** What has been seen so far. */
  gap(signal: AbortSignal): Promise<GapReport>;
}

/** Starts an echo for UDP probes; disposing ends it. In a container's network it ends with the container. */
export async function startUdpEcho(place: ProbePlace, port: number, signal: AbortSignal): Promise<AsyncDisposable> {
  return await startProbe(place, ["udp-echo.ts", String(port)], signal);
}

/** Starts numbered UDP probes to an echo, and waits for the first answer. */
export async function startUdpStream(place: ProbePlace, target: UdpTarget, signal: AbortSignal): Promise<ProbeStream> {
  const { address, port, interval = 1 } = target;
  return await startProbe(place, ["udp-probe.ts", address, String(port), String(interval)], signal);
}

/** Starts pings, some 600 per second, and waits for the first answer. */
export async function startPingStream(
  place: ProbePlace,
  address: IpAddress | string,
  signal: AbortSignal,
): Promise<ProbeStream> {
  return await startProbe(place, ["ping-probe.ts", address], signal);
}

type ProbeChild = ChildProcessByStdio<Writable, Readable, Readable>;

async function startProbe(place: ProbePlace, program: readonly string[], signal: AbortSignal): Promise<ProbeStream> {
  signal.throwIfAborted();
  const [script = "", ...words] = program;
  const prefix = place.space.prefix(place.inside === undefined ? {} : { inside: place.inside });
  const [file = "", ...rest] = [...prefix, process.execPath, join(import.meta.dirname, script), ...words];
  const child = spawn(file, rest, { stdio: ["pipe", "pipe", "pipe"] });
  const stream = new ProcessStream(child, program.join(" "));
  try {
    await stream.line(signal);
    return stream;
  } catch (error) {
    await stream[Symbol.asyncDispose]();
    throw error;
  }
}

/** The lab's side of a probe's process. */
class ProcessStream implements ProbeStream {
  readonly #child: ProbeChild;
  readonly #lines: Interface;
  readonly #title: string;
  readonly #ended: Promise<unknown>;
  #stderr = "";

  constructor(child: ProbeChild, title: string) {
    this.#child = child;
    this.#title = title;
    this.#lines = createInterface({ input: child.stdout });
    this.#ended = new Promise((resolve) => child.once("close", resolve).once("error", resolve));
    child.stderr.on("data", (chunk: Buffer) => {
      this.#stderr += String(chunk);
    });
    // The program may have ended with its container.
    child.stdin.on("error", () => {});
  }

  async gap(signal: AbortSignal): Promise<GapReport> {
    const answer = this.line(signal);
    this.#child.stdin.write("report\n");
    return JSON.parse(await answer) as GapReport;
  }

  /** The program's next line. */
  async line(signal: AbortSignal): Promise<string> {
    const done = new AbortController();
    try {
      const next = once(this.#lines, "line", { signal: AbortSignal.any([signal, done.signal]) });
      const ended = this.#ended.then(() => {
        throw new HoldfastError("unavailable", `${this.#title} has ended: ${this.#stderr.slice(-1000).trim()}`);
      });
      const [line] = (await Promise.race([next, ended])) as [string];
      return line;
    } finally {
      done.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }
}
