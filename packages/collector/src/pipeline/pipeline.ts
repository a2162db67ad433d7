import { type Clock, errorText, type Logger } from "@holdfast/core";
import type { AttributionShare, FlowStatus } from "@holdfast/model";
import type { NameRow } from "../naming/naming.ts";
import type { SampledWindow } from "../receiver/windowing.ts";
import type { WindowStore } from "../windows/store.ts";
import type { TrafficWindow } from "../windows/traffic.ts";
import { type Counted, trafficWindow } from "../windows/window-rows.ts";
import { createExporterBook } from "./exporters.ts";
import { addShares, shareOf } from "./share.ts";

/** Windows from the receiver to the store, and what has become of them. */
export interface Pipeline {
  /** Never fails: what the store does not take is counted. @param counted what its {@link SampledWindow.interfaces} are, by name, and what was dropped */
  take(window: SampledWindow, counted?: Counted): void;
  /** Resolves when the store has all windows that were taken so far. */
  settled(): Promise<void>;
  status(nodeOf: (agent: string) => string | undefined): PipelineStatus;
}

export type PipelineStatus = Pick<
  FlowStatus,
  "window" | "taken" | "lost" | "refused" | "unknownFormats" | "share" | "exporters" | "exporterCount" | "store"
>;

export interface PipelineDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: WindowStore;
  readonly name: NameRow;
  /** Datagrams that the kernel dropped since the start. */
  readonly kernelDrops: () => number;
}

/** So many windows may wait for the store; beyond them, new ones are lost to it, but for those of a stream, whose reader waits for room. */
const MOST_WAITING = 6;
const NOTHING: AttributionShare = { bytes: 0, unattributedBytes: 0, unnamedOutsideBytes: 0 };

export function createPipeline(dependencies: PipelineDependencies, seconds: number): Pipeline {
  const { clock, logger, store, name } = dependencies;
  const exporters = createExporterBook();
  const lost = { leftOut: 0, store: 0, storeError: undefined as string | undefined };
  let share = NOTHING;
  let discards = 0;
  let last:
    | { sampled: SampledWindow; before: SampledWindow["taken"]; rows: number; share: AttributionShare }
    | undefined;
  let waiting = 0;
  let turn: Promise<void> = Promise.resolve();

  function loseRows(window: TrafficWindow, why: string): void {
    lost.store += window.rows.length;
    lost.storeError = why;
    logger.warn("the store did not take a window of traffic", { rows: window.rows.length, error: why });
  }

  async function keep(window: TrafficWindow): Promise<void> {
    try {
      await store.take(window);
    } catch (error) {
      loseRows(window, errorText(error));
    } finally {
      waiting -= 1;
    }
  }

  function lastWindow(): PipelineStatus["window"] {
    if (last === undefined) return undefined;
    const { sampled, before, rows } = last;
    return {
      start: new Date(sampled.start).toISOString(),
      seconds,
      datagramsPerSecond: (sampled.taken.datagrams - before.datagrams) / seconds,
      samplesPerSecond: (sampled.taken.samples - before.samples) / seconds,
      rows,
      share: last.share,
    };
  }

  return {
    take(sampled, counted) {
      const window = trafficWindow(sampled, seconds, name, counted);
      const before = last?.sampled.taken ?? { datagrams: 0, bytes: 0, samples: 0, early: 0 };
      last = { sampled, before, rows: window.rows.length, share: shareOf(window) };
      share = addShares(share, last.share);
      exporters.take(sampled.traffic.exporters, sampled.start + seconds * 1000);
      lost.leftOut += sampled.traffic.leftOut;
      discards += sampled.traffic.discards;
      // What is lost of a stream would be told to be kept with the next window; one entry of it may be the last minute.
      if (waiting >= MOST_WAITING && window.origin === undefined)
        return loseRows(window, `it has not taken the last ${MOST_WAITING} windows yet`);
      waiting += 1;
      turn = turn.then(() => keep(window));
    },
    settled: () => turn,
    status(nodeOf) {
      const { taken, decoder } = last?.sampled ?? {};
      const window = lastWindow();
      const { storeError, ...counts } = lost;
      return {
        ...(window === undefined ? {} : { window }),
        taken: { datagrams: taken?.datagrams ?? 0, bytes: taken?.bytes ?? 0, samples: taken?.samples ?? 0, discards },
        lost: {
          kernel: dependencies.kernelDrops(),
          missing: exporters.missing,
          early: taken?.early ?? 0,
          ...counts,
          ...(storeError === undefined ? {} : { storeError }),
        },
        refused: Object.fromEntries(Object.entries(decoder?.refusals ?? {}).filter(([, count]) => count > 0)),
        unknownFormats: decoder === undefined ? 0 : unknownIn(decoder),
        share,
        exporters: exporters.list(clock.now().getTime(), nodeOf),
        exporterCount: exporters.count,
        store: { kind: store.kind, description: store.description },
      };
    },
  };
}

function unknownIn({ unknown, otherUnknown }: SampledWindow["decoder"]): number {
  const counts = Object.values(unknown).flatMap((ofSpace) => Object.values(ofSpace));
  return counts.reduce((sum, count) => sum + count, otherUnknown);
}
