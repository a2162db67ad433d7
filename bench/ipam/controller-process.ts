import { once } from "node:events";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { createNodeFetch } from "@holdfast/http";
import { startChild } from "./child.ts";

const PROGRAM = resolve(import.meta.dirname, "../../bin/holdfast");

/** A controller in a process of its own, as an operator would start it, on a free port of the loopback address. */
export interface ControllerProcess extends AsyncDisposable {
  readonly port: number;
  /** From its start until `/readyz` said so. */
  readonly readySeconds: number;
  /** Sends JSON, gives the answer's JSON. @throws TypeError for an answer that is no success. */
  call<T>(method: string, path: string, body: unknown): Promise<T>;
  /** Resident memory at this moment. */
  rssMib(): number;
  /** Ends it in order. */
  stop(): Promise<void>;
}

/** @param data its SQLite file */
export async function startController(data: string): Promise<ControllerProcess> {
  const started = performance.now();
  const child = startChild([PROGRAM, "controller", "--listen", "127.0.0.1:0", "--data", data]);
  const exited = once(child, "exit");
  const port = await Promise.race([portOf(child.stdout), exited.then(() => undefined)]);
  if (port === undefined) throw new TypeError("the controller ended before it was ready");
  const fetch = createNodeFetch();
  const base = `http://127.0.0.1:${port}`;
  const ready = await fetch(`${base}/readyz`);
  if (!ready.ok) throw new TypeError(`the controller is not ready: ${await ready.text()}`);

  async function stop(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await exited;
  }

  return {
    port,
    readySeconds: (performance.now() - started) / 1000,
    async call<T>(method: string, path: string, body: unknown) {
      const headers = { "content-type": "application/json" };
      const response = await fetch(base + path, { method, headers, body: JSON.stringify(body) });
      const text = await response.text();
      if (!response.ok) throw new TypeError(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`);
      return JSON.parse(text) as T;
    },
    rssMib: () => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1024,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Where it listens, from its log; reads on so that the pipe never fills. */
function portOf(log: NodeJS.ReadableStream | null): Promise<number> {
  return new Promise((resolve) => {
    if (log === null) throw new TypeError("bug: the log is a pipe");
    createInterface({ input: log }).on("line", (line) => {
      const entry = JSON.parse(line) as { msg?: string; address?: { port: number } };
      if (entry.msg === "controller is ready" && entry.address !== undefined) resolve(entry.address.port);
    });
  });
}
