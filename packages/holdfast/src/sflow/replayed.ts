import type { CommandOptions } from "@holdfast/cli";
import type { Client } from "@holdfast/client";
import {
  type NamedPrefix,
  openDuckStore,
  type RecordedDatagram,
  type RecordedRange,
  type ReplaySummary,
  recordedInCapture,
  replay,
} from "@holdfast/collector";
import { collectorOptions } from "@holdfast/collector/config";
import { readOptions, silentLogger, systemClock } from "@holdfast/core";
import { recordedInNamedStream } from "./recorded.ts";

export interface Replaying {
  /** A capture, or what {@link recordedInNamedStream} is told. */
  readonly source: (
    | { readonly chunks: AsyncIterable<Uint8Array>; readonly port: number }
    | { readonly options: CommandOptions }
  ) & { readonly range: RecordedRange };
  readonly prefixes: readonly NamedPrefix[];
  /** Of the controller that knows the names. Absent: nobody inside has one. */
  readonly client: Client | undefined;
  readonly signal: AbortSignal;
}

/** As a collector has them. */
const WINDOW_SECONDS = 2;

/** Makes a store of a file that is not there yet, of what is read again. Nothing of it is too old. @throws HoldfastError */
export async function replayInto(
  path: string,
  { source, prefixes, client, signal }: Replaying,
): Promise<ReplaySummary> {
  const settings = readOptions("collector", collectorOptions, {});
  const for400Days = settings.keepHours;
  const tiers = {
    fine: { seconds: WINDOW_SECONDS, retention: for400Days },
    minute: { seconds: 60, retention: for400Days },
    hour: { seconds: 3600, retention: for400Days },
    samples: for400Days,
  };
  const parts = { clock: systemClock, logger: silentLogger };
  await using store = await openDuckStore(parts, { path, memoryMib: settings.storeMemory, tiers });
  const { windowSamples } = settings;
  const options = { windowSeconds: WINDOW_SECONDS, windowSamples, prefixes, signal };
  return await replay(datagramsOf(source), { ...parts, store, client }, options);
}

function datagramsOf(source: Replaying["source"]): AsyncIterable<RecordedDatagram> {
  return "chunks" in source
    ? recordedInCapture(source.chunks, source.port, source.range)
    : recordedInNamedStream(source.options, source.range);
}
