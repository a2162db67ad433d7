import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/** How a controller came up. */
export interface Start {
  /** From the start of the process until `/readyz` says ok. */
  readonly seconds: number;
  /** Resident memory then, and the most there was until then. */
  readonly rssMib: number;
  readonly peakMib: number;
  /** Processor time until then; tells a slow program from a busy machine. */
  readonly cpuSeconds: number;
}

const LOOK_EVERY = 20;
const CLOCK_TICKS = 100;

/** Starts the controller over a store, waits until it is ready, and ends it. */
export async function measureStart(data: string): Promise<Start> {
  const port = await freePort();
  const program = new URL("../bin/holdfast", import.meta.url).pathname;
  const begin = performance.now();
  const child = spawn(program, ["controller", "--data", data, "--listen", `127.0.0.1:${port}`, "--log-level", "warn"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = once(child, "exit");
  try {
    while (!(await isReady(port))) {
      if (child.exitCode !== null) throw new Error(`the controller ended with ${child.exitCode}`);
      await pause(LOOK_EVERY);
    }
    return { seconds: (performance.now() - begin) / 1000, ...memoryOf(child.pid ?? 0) };
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}

async function isReady(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
  } catch {
    return false;
  }
}

function memoryOf(pid: number): Omit<Start, "seconds"> {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mib = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
  const [, , , , , , , , , , , , user, system] = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/.*\) /, "x ")
    .split(" ");
  const cpuSeconds = (Number(user) + Number(system)) / CLOCK_TICKS;
  return { rssMib: mib("VmRSS"), peakMib: mib("VmHWM"), cpuSeconds };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
