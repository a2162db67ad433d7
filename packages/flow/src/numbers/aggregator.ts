import type { IpAddress } from "@holdfast/core";
import type { Attribution } from "../attribution/attribution.ts";
import { addressOf } from "../describe/packet.ts";
import type { Datagram } from "../sflow/datagram.ts";
import {
  DISCARD_SAMPLE,
  FLOW_SAMPLE,
  HEAD_AGENT,
  HEAD_FAMILY,
  HEAD_SEQUENCE,
  HEAD_SUB_AGENT,
  HEAD_UPTIME,
  SAMPLE_DROPS,
  SAMPLE_FRAME_LENGTH,
  SAMPLE_KIND,
  SAMPLE_POOL,
  SAMPLE_RATE,
  SAMPLE_SEQUENCE,
  SAMPLE_SOURCE_CLASS,
  SAMPLE_SOURCE_INDEX,
  SAMPLE_STRIPPED,
  SAMPLE_WORDS,
} from "../sflow/words.ts";
import { createAttributedRows } from "./attributed-rows.ts";
import { type Estimate, estimateOf } from "./estimate.ts";
import { createKeyIndex } from "./key-index.ts";
import { createSamplePicker, type PickedSample, type PickedSamples, pickedSamples } from "./picked-samples.ts";
import { createSequenceTracker, type SequenceCounts, type SequenceTracker } from "./sequence.ts";
import { createSourceMeter, type SourceMeter, type SourceState } from "./source-meter.ts";
import {
  exporterOf,
  IS_COUNTED,
  readTrafficKey,
  TRAFFIC_FLAGS,
  TRAFFIC_KEY_WORDS,
  type TrafficKey,
  writeTrafficKey,
} from "./traffic-key.ts";

/** Adds up the flow samples of many exporters. */
export interface Aggregator {
  /** Takes the samples of a datagram as a decoder read it, which was received at a time, in milliseconds since 1970. */
  take(datagram: Datagram, at: number): void;
  /** Gives what was added up since the last call, and begins anew; exporters and sources are followed on. */
  drain(): TrafficSums;
}

/** Where samples come from. The sender's address says nothing of it: there may be address translation on the way. */
export interface Exporter {
  readonly agent: IpAddress;
  readonly subAgent: number;
}

export interface TrafficSums {
  /** Flat memory, so that it can go to another thread at no cost; {@link trafficRows} says it in words. */
  readonly keys: Uint32Array<ArrayBuffer>;
  /** Packets, bytes, samples and samples that stand for one packet, of each key. */
  readonly sums: Float64Array<ArrayBuffer>;
  /** Flow samples that came when there were too many different rows, exporters or sources to tell apart. */
  readonly leftOut: number;
  /** Discarded packets that were told of; they are no traffic. */
  readonly discards: number;
  readonly exporters: readonly ExporterState[];
  /** Some of the samples that are counted; {@link trafficSamples} says them in words. */
  readonly picked: PickedSamples;
}

export interface TrafficRow extends TrafficKey {
  readonly exporter: Exporter;
  readonly estimate: Estimate;
}

/** One sampled packet. */
export type TrafficSampleRow = Omit<PickedSample, "exporter"> & { readonly exporter: Exporter };

/** What is known of an exporter, since it was first heard of. */
export interface ExporterState extends Exporter {
  readonly datagrams: SequenceCounts;
  readonly sources: readonly SourceStateAt[];
}

/** `class` and `index` are those of the specification's data source. */
export interface SourceStateAt extends SourceState {
  readonly class: number;
  readonly index: number;
}

/** Bounds that senders of nonsense cannot break. */
export interface AggregatorOptions {
  /** Rows between two calls of {@link Aggregator.drain}. Default: 1,000,000, which need some 120 MiB. */
  readonly mostRows?: number;
  /** Default: 10,000. */
  readonly mostExporters?: number;
  /** Over all exporters. Default: 200,000. */
  readonly mostSources?: number;
  /** Samples that are told one by one, between two calls of {@link Aggregator.drain}. Default: 0. */
  readonly mostSamples?: number;
}

const EXPORTER_WORDS = 6;
const SOURCE_WORDS = 3;
/** Packets, bytes, samples, samples that stand for one packet. */
const SUMS = 4;

/**
 * @param attribution says whose each packet is, before it is added up. Absent: nobody does.
 */
export function createAggregator(options: AggregatorOptions = {}, attribution?: Attribution): Aggregator {
  const { mostRows = 1_000_000, mostExporters = 10_000, mostSources = 200_000, mostSamples = 0 } = options;
  const picker = createSamplePicker(mostSamples);
  const amounts = { keyAt: 0, at: 0, rate: 0, bytes: 0 };
  const exporters = createKeyIndex(EXPORTER_WORDS, mostExporters);
  const trackers: SequenceTracker[] = [];
  const sources = createKeyIndex(SOURCE_WORDS, mostSources);
  const meters: SourceMeter[] = [];
  const rows = createKeyIndex(TRAFFIC_KEY_WORDS, mostRows);
  const attributed = attribution && createAttributedRows({ attribution, rows }, mostRows);
  let sums = new Float64Array(SUMS * 1024);
  let [leftOut, discards] = [0, 0];
  /** Of the attribution, for the datagram that is being taken. */
  let epoch = 0;
  const exporterKey = new Uint32Array(EXPORTER_WORDS);
  const sourceKey = new Uint32Array(SOURCE_WORDS);
  const rowKey = new Uint32Array(TRAFFIC_KEY_WORDS);

  function findExporter(head: Uint32Array): number {
    exporterKey[0] = head[HEAD_FAMILY] ?? 0;
    for (let word = 0; word < 4; word++) exporterKey[1 + word] = head[HEAD_AGENT + word] ?? 0;
    exporterKey[5] = head[HEAD_SUB_AGENT] ?? 0;
    const number = exporters.find(exporterKey, 0);
    if (number === trackers.length) trackers.push(createSequenceTracker());
    return number;
  }

  function weigh(samples: Uint32Array, row: number, exporter: number): number {
    sourceKey[0] = exporter;
    sourceKey[1] = samples[row + SAMPLE_SOURCE_CLASS] ?? 0;
    sourceKey[2] = samples[row + SAMPLE_SOURCE_INDEX] ?? 0;
    const number = sources.find(sourceKey, 0);
    if (number === meters.length) meters.push(createSourceMeter());
    const [sequence = 0, rate = 0] = [samples[row + SAMPLE_SEQUENCE], samples[row + SAMPLE_RATE]];
    const meter = meters[number];
    if (meter === undefined) return -1;
    return meter.weigh(sequence, rate, samples[row + SAMPLE_POOL] ?? 0, samples[row + SAMPLE_DROPS] ?? 0);
  }

  function addFlow(samples: Uint32Array, row: number, exporter: number): void {
    const weight = weigh(samples, row, exporter);
    if (weight === 0) return;
    writeTrafficKey(samples, row, exporter, rowKey);
    const number = weight < 0 ? -1 : attributed === undefined ? rows.find(rowKey, 0) : attributed.find(rowKey, epoch);
    if (number < 0) {
      leftOut += 1;
      return;
    }
    const at = number * SUMS;
    if (at >= sums.length) sums = grown(sums);
    const bytes = Math.max(0, (samples[row + SAMPLE_FRAME_LENGTH] ?? 0) - (samples[row + SAMPLE_STRIPPED] ?? 0));
    sums[at] = (sums[at] ?? 0) + weight;
    sums[at + 1] = (sums[at + 1] ?? 0) + weight * bytes;
    sums[at + 2] = (sums[at + 2] ?? 0) + 1;
    if (weight === 1) sums[at + 3] = (sums[at + 3] ?? 0) + 1;
    if (mostSamples === 0) return;
    amounts.keyAt = number * TRAFFIC_KEY_WORDS;
    // The same packet once more is no other sample of the traffic.
    if (((rows.keys[amounts.keyAt + TRAFFIC_FLAGS] ?? 0) & IS_COUNTED) === 0) return;
    amounts.rate = weight;
    amounts.bytes = bytes;
    picker.take(rows.keys, samples, row, amounts);
  }

  function exporterAt(number: number): Exporter {
    const at = number * EXPORTER_WORDS;
    const family = exporters.keys[at] === 6 ? 6 : 4;
    return { agent: addressOf(exporters.keys, at + 1, family), subAgent: exporters.keys[at + 5] ?? 0 };
  }

  /** By exporter. */
  function sourceStates(): Map<number, SourceStateAt[]> {
    const states = meters.map((meter, number) => {
      const [exporter = 0, sourceClass = 0, index = 0] = sources.keys.subarray(number * SOURCE_WORDS);
      return { exporter, state: { class: sourceClass, index, ...meter.state() } };
    });
    const grouped = Map.groupBy(states, ({ exporter }) => exporter);
    return new Map([...grouped].map(([exporter, own]) => [exporter, own.map(({ state }) => state)]));
  }

  return {
    take({ head, samples, sampleCount }, at) {
      const exporter = findExporter(head);
      attribution?.hear(head, at);
      epoch = attribution?.epoch ?? 0;
      amounts.at = at;
      const arrival = trackers[exporter]?.observe(head[HEAD_SEQUENCE] ?? 0, head[HEAD_UPTIME] ?? 0);
      if (arrival === "again") return;
      for (let index = 0, row = 0; index < sampleCount; index++, row += SAMPLE_WORDS) {
        const kind = samples[row + SAMPLE_KIND];
        if (kind === DISCARD_SAMPLE) discards += 1;
        if (kind !== FLOW_SAMPLE) continue;
        if (arrival === undefined) leftOut += 1;
        else addFlow(samples, row, exporter);
      }
    },
    drain() {
      const told = trackers.map((_, number) => exporterAt(number));
      const states = sourceStates();
      const drained = {
        keys: rows.keys.slice(0, rows.size * TRAFFIC_KEY_WORDS),
        sums: sums.slice(0, rows.size * SUMS),
        leftOut,
        discards,
        exporters: told.map((exporter, number) => ({
          ...exporter,
          datagrams: { ...(trackers[number] as SequenceTracker).counts },
          sources: states.get(number) ?? [],
        })),
        picked: picker.drain(),
      };
      sums.fill(0, 0, rows.size * SUMS);
      rows.clear();
      attributed?.clear();
      [leftOut, discards] = [0, 0];
      return drained;
    },
  };
}

function grown(sums: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(sums.length * 2);
  larger.set(sums);
  return larger;
}

/** What was added up, row by row, in words. */
export function* trafficRows({ keys, sums, exporters }: TrafficSums): Generator<TrafficRow> {
  const told = exporters.map(({ agent, subAgent }) => ({ agent, subAgent }));
  for (let at = 0, sum = 0; at < keys.length; at += TRAFFIC_KEY_WORDS, sum += SUMS) {
    const [packets = 0, bytes = 0, samples = 0, exact = 0] = sums.subarray(sum, sum + SUMS);
    const exporter = told[exporterOf(keys, at)];
    if (exporter === undefined) throw new TypeError("bug: a row's exporter is among those that were told with it");
    yield { exporter, ...readTrafficKey(keys, at), estimate: estimateOf({ packets, bytes, samples, exact }) };
  }
}

/** The samples that were picked, one by one, in words. */
export function* trafficSamples({
  picked,
  exporters,
}: Pick<TrafficSums, "picked" | "exporters">): Generator<TrafficSampleRow> {
  for (const sample of pickedSamples(picked)) {
    const exporter = exporters[sample.exporter];
    if (exporter === undefined) throw new TypeError("bug: a sample's exporter is among those that were told with it");
    yield { ...sample, exporter: { agent: exporter.agent, subAgent: exporter.subAgent } };
  }
}
