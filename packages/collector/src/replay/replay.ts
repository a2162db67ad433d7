import type { Client } from "@holdfast/client";
import type { Clock, Logger } from "@holdfast/core";
import { createPortCounters } from "../counters/port-counters.ts";
import { createInventory } from "../inventory/inventory.ts";
import { type NamedPrefix, nameByPrefixes } from "../naming/named-prefixes.ts";
import { createNaming, nobodyInside } from "../naming/naming.ts";
import { createWindowing, type SampledWindow } from "../receiver/windowing.ts";
import type { WindowStore } from "../windows/store.ts";
import { trafficWindow } from "../windows/window-rows.ts";
import type { RecordedDatagram } from "./recorded-datagrams.ts";

export interface ReplayDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: WindowStore;
  /** Of the controller that knows the names. Absent: nobody inside has one. */
  readonly client?: Client | undefined;
}

export interface ReplayOptions {
  readonly windowSeconds: number;
  readonly windowSamples: number;
  readonly prefixes: readonly NamedPrefix[];
  /** Aborted: it goes no further; what was read is in the store. */
  readonly signal: AbortSignal;
}

/** What was read again. */
export interface ReplaySummary {
  readonly datagrams: number;
  readonly samples: number;
  readonly windows: number;
  readonly rows: number;
  /** Datagrams that could not be read. */
  readonly refused: number;
  /** Of the first and the last datagram, in milliseconds since 1970. Absent: there was none. */
  readonly first?: number;
  readonly last?: number;
}

/** Milliseconds that the controller has to tell names. */
const NAMES_PATIENCE = 30_000;

/**
 * Reads datagrams again as a collector did when they came, by today's decoder and today's names of those who were there then.
 *
 * @throws HoldfastError like the datagrams' source and the store; what came before is in the store
 */
export async function replay(
  datagrams: AsyncIterable<RecordedDatagram>,
  { clock, logger, store, client }: ReplayDependencies,
  { windowSeconds, windowSamples, prefixes, signal }: ReplayOptions,
): Promise<ReplaySummary> {
  const over: SampledWindow[] = [];
  const windowing = createWindowing((window) => over.push(window), {
    windowMs: windowSeconds * 1000,
    windowSamples,
    settleMs: 0,
    holdBytes: 0,
  });
  const ending = new AbortController();
  const inventory = client && createInventory({ client, clock, logger, tell: windowing.learn });
  const following = inventory?.run(ending.signal);
  const name = createNaming(inventory ?? nobodyInside, nameByPrefixes(prefixes));
  const ports = createPortCounters(inventory ?? nobodyInside);
  const summary = { datagrams: 0, samples: 0, windows: 0, rows: 0, refused: 0 };
  let [first, last]: (number | undefined)[] = [];

  async function keepWhatIsOver(): Promise<void> {
    for (const sampled of over.splice(0)) {
      const window = trafficWindow(sampled, windowSeconds, name, { counts: ports.take(sampled.interfaces ?? []) });
      await store.take(window);
      summary.windows += 1;
      summary.rows += window.rows.length;
      summary.samples = sampled.taken.samples;
      summary.refused = Object.values(sampled.decoder.refusals).reduce((sum, count) => sum + count, 0);
    }
  }

  try {
    if (inventory !== undefined)
      await Promise.race([inventory.loaded, clock.wait(NAMES_PATIENCE, signal).catch(() => undefined)]);
    for await (const { at, bytes } of datagrams) {
      if (signal.aborted) break;
      windowing.take(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length, at);
      summary.datagrams += 1;
      first ??= at;
      last = at;
      if (over.length > 0) await keepWhatIsOver();
    }
    windowing.finish();
    await keepWhatIsOver();
  } finally {
    ending.abort();
    await following;
  }
  return { ...summary, ...(first === undefined ? {} : { first }), ...(last === undefined ? {} : { last }) };
}
