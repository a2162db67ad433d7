import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { startChild } from "../ipam/child.ts";

/** A collector as people run it, with a store in a file, and without a controller: traffic has the names that it comes with. */
export interface CollectorProgram extends AsyncDisposable {
  readonly pid: number;
  /** What it answers, e.g. at `/v1/flows/top?by=identity`. @throws TypeError with the answer when it is none */
  get<T>(path: string): Promise<T>;
}

/** Memory that the store may take. */
export const STORE_MIB = 512;
const TRIES = 100;

/** @param more flags beside those of its store and its ports */
export async function startCollectorProgram(
  store: string,
  { sflow, http }: { readonly sflow: number; readonly http: number },
  ...more: readonly string[]
): Promise<CollectorProgram> {
  const collector = startChild([
    ...[join(import.meta.dirname, "../../bin/holdfast"), "collector", "--store", store, "--log-level", "error"],
    ...["--listen", `127.0.0.1:${sflow}`, "--status", `127.0.0.1:${http}`],
    ...["--store-memory", String(STORE_MIB), "--no-names", ...more],
  ]);
  const ended = new Promise<void>((resolve) => collector.once("close", () => resolve()));
  const url = `http://127.0.0.1:${http}`;
  const program: CollectorProgram = {
    pid: collector.pid ?? 0,
    async get<T>(path: string): Promise<T> {
      const response = await fetch(`${url}${path}`);
      if (!response.ok) throw new TypeError(await response.text());
      return (await response.json()) as T;
    },
    async [Symbol.asyncDispose]() {
      collector.kill("SIGKILL");
      await ended;
    },
  };
  await untilReady(url).catch(async (error: unknown) => {
    await program[Symbol.asyncDispose]();
    throw error;
  });
  return program;
}

async function untilReady(url: string): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    const isReady = await fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return;
    await pause(100);
  }
  throw new TypeError("the collector does not become ready");
}
