import {
  createAggregator,
  createAttribution,
  createInterfaceCounters,
  createSflowDecoder,
  type DecoderTotals,
  type InterfaceGrowth,
  type InventoryChange,
  type TrafficSums,
} from "@holdfast/flow";
import type { WindowOrigin } from "../windows/traffic.ts";
import { createHeldDatagrams } from "./held-datagrams.ts";

export interface WindowingOptions {
  /** Milliseconds of a window, e.g. 10,000. Windows begin at multiples of it. */
  readonly windowMs: number;
  /** Milliseconds for which datagrams are held back, so that news of who has an address is there before what it explains. 0: none is held. */
  readonly settleMs: number;
  /** Of memory for datagrams that are held back; beyond it, the oldest are read early, and counted. */
  readonly holdBytes: number;
  /** Sampled packets of a window that are told one by one; of more, some. Absent: none. */
  readonly windowSamples?: number;
}

/** What was taken in one window. */
export interface SampledWindow {
  /** Milliseconds since 1970, a multiple of the length. */
  readonly start: number;
  readonly traffic: TrafficSums;
  /** What exporters have counted. Absent: nothing came. */
  readonly interfaces?: readonly InterfaceGrowth[];
  /** Since the receiver started, as is what follows. */
  readonly taken: Taken;
  readonly decoder: DecoderTotals;
  /** Of one that was read from a stream. */
  readonly origin?: WindowOrigin;
}

export interface Taken {
  readonly datagrams: number;
  readonly bytes: number;
  /** Of all kinds, those of counters included. */
  readonly samples: number;
  /** Datagrams that were read before they had been held back long enough. */
  readonly early: number;
}

/** Decodes and adds up datagrams, window by window, by whose they were when they came. */
export interface Windowing {
  /** Takes a datagram that was received at a time, in milliseconds since 1970. */
  take(view: DataView, start: number, length: number, at: number): void;
  /** News of who has what, since when. */
  learn(changes: readonly InventoryChange[]): void;
  /**
   * Says what time it is: reads what has been held back long enough, and ends windows in which nothing comes any more.
   *
   * @param most datagrams to read now. Default: all of them
   * @returns whether it has to be said again, because there are more
   */
  advance(now: number, most?: number): boolean;
  /** Reads everything that is held back, and ends the window. */
  finish(): void;
}

/** A datagram belongs to the window in which it was received, however long it is held back. Times that go back are taken as standing still. */
export function createWindowing(emit: (window: SampledWindow) => void, options: WindowingOptions): Windowing {
  const { windowMs, settleMs, windowSamples = 0 } = options;
  const decoder = createSflowDecoder();
  const attribution = createAttribution();
  const aggregator = createAggregator({ mostSamples: windowSamples }, attribution);
  const counters = createInterfaceCounters(attribution.ownerOfPort);
  const held = createHeldDatagrams(options.holdBytes);
  const taken = { datagrams: 0, bytes: 0, samples: 0, early: 0 };
  let lastAt = 0;
  /** When the window ends; 0 before the first one. */
  let end = 0;

  function closeUntil(at: number): void {
    if (at < end) return;
    if (end !== 0) close();
    end = at - (at % windowMs) + windowMs;
  }

  function close(): void {
    const interfaces = counters.drain();
    emit({
      start: end - windowMs,
      traffic: aggregator.drain(),
      ...(interfaces.length === 0 ? {} : { interfaces }),
      taken: { ...taken },
      decoder: decoder.totals(),
    });
  }

  function read(view: DataView, start: number, length: number, at: number): void {
    closeUntil(at);
    taken.datagrams += 1;
    taken.bytes += length;
    if (!decoder.decode(view, start, start + length)) return;
    taken.samples += decoder.datagram.sampleCount;
    aggregator.take(decoder.datagram, at);
    counters.take(decoder.datagram, at);
  }

  return {
    take(view, start, length, at) {
      lastAt = Math.max(lastAt, at);
      if (settleMs === 0) return read(view, start, length, lastAt);
      while (!held.push(view, start, length, lastAt)) {
        // One that is longer than all the memory is not held at all.
        if (!held.shift(read)) return read(view, start, length, lastAt);
        taken.early += 1;
      }
    },
    learn(changes) {
      for (const change of changes) attribution.apply(change);
    },
    advance(now, most = Number.POSITIVE_INFINITY) {
      lastAt = Math.max(lastAt, now);
      const settled = lastAt - settleMs;
      for (let count = 0; held.oldest() <= settled; count++) {
        if (count === most) return true;
        held.shift(read);
      }
      closeUntil(settled);
      return false;
    },
    finish() {
      while (held.shift(read));
      if (end !== 0) close();
      end = 0;
    },
  };
}
