import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { openDuckStore } from "@holdfast/collector";
import { silentLogger, systemClock } from "@holdfast/core";
import { encodeDatagram, encodeHeaderRecord, encodeSample, ethernet, ipv4, udp } from "@holdfast/flow/testing";
import type { TopFlows } from "@holdfast/model";
import { type CollectorProgram, STORE_MIB, startCollectorProgram } from "./collector-program.ts";
import { lastHour } from "./last-hour.ts";
import { makeTraffic } from "./traffic.ts";

const SECONDS = 30;
/** Datagrams in a second while questions are asked, some six samples each: what a dozen busy hosts export at 1 in 400. */
const LOAD = 1000;
const TICK_MS = 10;
const ASK_EVERY_MS = 100;
const MARK_EVERY_MS = 500;
const PORTS = { sflow: 16_353, http: 16_355 };

export interface QuestionFigures {
  /** Milliseconds of each question for the ten that have the most in the last hour. */
  readonly top: readonly number[];
  /** Seconds from each marked packet's datagram to the first answer that has it. */
  readonly fresh: readonly number[];
  /** Rows of the hour that was asked about, before the load. */
  readonly rows: number;
}

/** Fills an hour of 10,000 endpoints, runs the collector on it, and asks while sFlow comes in. */
export async function measureQuestions(): Promise<QuestionFigures> {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-bench-flow-"));
  const path = join(folder, "flows.db");
  try {
    const rows = await fill(path);
    await using collector = await startCollectorProgram(path, PORTS);
    return { ...(await askUnderLoad(collector)), rows };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fill(path: string): Promise<number> {
  const hour = 3_600_000;
  const tiers = {
    fine: { seconds: 10, retention: 6 * hour },
    minute: { seconds: 60, retention: 48 * hour },
    hour: { seconds: 3600, retention: 480 * hour },
    samples: hour,
  };
  await using store = await openDuckStore(
    { clock: systemClock, logger: silentLogger },
    { path, memoryMib: STORE_MIB, tiers },
  );
  let rows = 0;
  for (const window of lastHour(Date.now())) {
    await store.take(window);
    rows += window.rows.length;
  }
  return rows;
}

async function askUnderLoad(collector: CollectorProgram): Promise<Omit<QuestionFigures, "rows">> {
  const ask = (query: string): Promise<TopFlows> => collector.get<TopFlows>(`/v1/flows/top?${query}`);
  const load = makeTraffic(2000, false);
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.connect(PORTS.sflow, "127.0.0.1", () => resolve()));
  const sent = new Map<string, number>();
  const seen = new Map<string, number>();
  let next = 0;
  const began = performance.now();
  const sending = setInterval(() => {
    for (const wanted = ((performance.now() - began) / 1000) * LOAD; next < wanted; next++) {
      socket.send(load[next % load.length] ?? new Uint8Array());
    }
  }, TICK_MS);
  const marking = setInterval(() => {
    const address = `198.18.0.${sent.size + 1}`;
    sent.set(address, performance.now());
    socket.send(markedDatagram(address, sent.size));
  }, MARK_EVERY_MS);
  const top: number[] = [];
  try {
    while (performance.now() - began < SECONDS * 1000) {
      const started = performance.now();
      await ask("by=identity&last=1h&limit=10");
      top.push(performance.now() - started);
      const { groups } = await ask("by=source.address&filter=source.address%3D198.18.0.0/24&last=1m&limit=100");
      for (const { key } of groups) {
        const address = String(key["source.address"]);
        if (!seen.has(address)) seen.set(address, performance.now());
      }
      await pause(ASK_EVERY_MS);
    }
  } finally {
    clearInterval(sending);
    clearInterval(marking);
    socket.close();
  }
  // Those of the last seconds are still on their way.
  const due = [...sent].filter(([, at]) => at < performance.now() - 10_000);
  const fresh = due.map(([address, at]) => ((seen.get(address) ?? Number.POSITIVE_INFINITY) - at) / 1000);
  return { top, fresh };
}

/** One packet from an address that nobody else has. */
function markedDatagram(address: string, sequence: number): Uint8Array {
  const packet = ethernet(
    { source: "02:00:00:00:ff:01", destination: "02:00:00:00:ff:02", type: 0x0800 },
    ipv4(
      { source: address, destination: "10.20.0.1", protocol: 17 },
      udp({ source: 40_000, destination: 53 }, new Uint8Array(64)),
    ),
  );
  const sample = encodeSample({
    format: 1,
    sequence,
    source: { class: 2, index: 1000 },
    rate: 400,
    pool: sequence * 400,
    input: { format: 0, value: 3 },
    output: { format: 0, value: 4 },
    records: [encodeHeaderRecord(packet, { frameLength: 128 })],
  });
  return encodeDatagram({ agent: "10.9.9.1", sequence, uptimeMs: sequence * MARK_EVERY_MS, samples: [sample] });
}
