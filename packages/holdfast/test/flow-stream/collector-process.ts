import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import type { FlowStatus } from "@holdfast/model";
import { freePort } from "../controller-process.ts";

const PROGRAM = resolve(import.meta.dirname, "../../../../bin/holdfast");

/** A collector as a program of its own, that can be killed and started again. */
export interface CollectorProcess extends AsyncDisposable {
  readonly port: number;
  /** Resolves when it is ready. */
  start(): Promise<void>;
  /** At once, in the middle of whatever it does. */
  kill(): Promise<void>;
  /** As its unit does. */
  stop(): Promise<void>;
  status(): Promise<FlowStatus>;
  /** What it answers at a path, e.g. `"/v1/flows/counters"`. @throws Error with the answer of one that is no success */
  ask(path: string): Promise<unknown>;
  /** Packets in its store. */
  storedPackets(): Promise<number>;
}

/** @param flags beside those of its ports */
export async function createCollectorProcess(...flags: readonly string[]): Promise<CollectorProcess> {
  const [port, statusPort] = [await freePort(), await freePort()];
  const own = [
    "--listen",
    `127.0.0.1:${port}`,
    "--status",
    `127.0.0.1:${statusPort}`,
    "--no-names",
    "--alarms",
    "none",
  ];
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const call = ["--pdeathsig", "KILL", PROGRAM, "collector", ...own, "--log-level", "error", ...flags];
    const started = spawn("setpriv", call, {
      stdio: ["ignore", "ignore", "inherit", "pipe"],
      env: { ...process.env, HOLDFAST_READY_FD: "3" },
    });
    child = started;
    const ready = started.stdio[3];
    if (ready === null || ready === undefined) throw new TypeError("the process has no third descriptor");
    const ended = once(started, "exit").then(([code]) => {
      throw new Error(`the collector has ended with ${code} instead of getting ready`);
    });
    ended.catch(() => undefined);
    await Promise.race([once(ready, "data"), ended]);
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = child;
    child = undefined;
    if (ending === undefined) return;
    const ended = once(ending, "close");
    ending.kill(signal);
    await ended;
  }

  async function ask(path: string): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${statusPort}${path}`);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  return {
    port,
    start,
    ask,
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
    status: async () => (await ask("/v1/flows/status")) as FlowStatus,
    async storedPackets() {
      const answer = (await ask("/v1/flows/top?by=exporter&last=1h&measure=packets")) as {
        total: { packets: number };
      };
      return answer.total.packets;
    },
    [Symbol.asyncDispose]: () => end("SIGKILL"),
  };
}
