/** Prints how many commits per second the SQLite store acknowledges, with a watcher on it that hears all of them. */
import { join } from "node:path";
import { silentLogger, systemClock } from "@holdfast/core";
import { openMemoryStore, openSqliteStore } from "../src/open.ts";
import type { Store } from "../src/store.ts";
import { scratchFolder } from "../src/testing/scratch-folder.ts";

const VALUE = JSON.stringify({ text: "x".repeat(300) });

async function measure(name: string, store: Store): Promise<void> {
  const abort = new AbortController();
  const watching = (async () => {
    for await (const batch of store.watch("claims/", { after: 0, signal: abort.signal })) void batch;
  })();
  let next = 0;
  const put = () => {
    const key = `claims/${String(next++).padStart(8, "0")}`;
    return store.commit({ conditions: [{ key, revision: 0 }], operations: [{ kind: "put", key, value: VALUE }] });
  };
  await commits(`${name}, warming up`, put, { clients: 64, total: 20_000 });
  await commits(`${name}, alone`, put, { clients: 1, total: 10_000 });
  await commits(`${name}, 64 at the same time`, put, { clients: 64, total: 100_000 });
  const operations = Array.from({ length: 10_000 }, (_, at) => ({
    kind: "put" as const,
    key: `bulk/${at}`,
    value: VALUE,
  }));
  const start = performance.now();
  await store.commit({ conditions: [], operations });
  print(`${name}, one commit of 10,000`, `${(performance.now() - start).toFixed(0)} ms`);
  abort.abort();
  await watching;
}

async function commits(
  what: string,
  put: () => Promise<unknown>,
  { clients, total }: { clients: number; total: number },
): Promise<void> {
  const latencies: number[] = [];
  const client = async (): Promise<void> => {
    for (let count = 0; count < total / clients; count++) {
      const start = performance.now();
      await put();
      latencies.push(performance.now() - start);
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: clients }, client));
  const perSecond = Math.round((latencies.length / (performance.now() - start)) * 1000);
  latencies.sort((a, b) => a - b);
  const at = (share: number): string => (latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(2);
  print(what, `${perSecond.toLocaleString("en")}/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
}

function print(what: string, figure: string): void {
  process.stdout.write(`${what.padEnd(36)} ${figure}\n`);
}

async function measureFile(name: string, path: string, thread: "this" | "own"): Promise<void> {
  const open = () => openSqliteStore({ clock: systemClock, logger: silentLogger }, { path, thread });
  const store = await open();
  await measure(name, store);
  await store.close();
  const start = performance.now();
  await (await open()).close();
  print(`${name}, opening 140,000 entries`, `${(performance.now() - start).toFixed(0)} ms`);
}

const scratch = scratchFolder();
try {
  await measureFile("sqlite", join(scratch.path, "store.db"), "this");
  await measureFile("with a thread", join(scratch.path, "threaded.db"), "own");
  await measure("memory", openMemoryStore({ clock: systemClock }));
} finally {
  scratch.remove();
}
