import { KEY_DESTINATION_PORT, KEY_FLAGS, KEY_PROTOCOL, KEY_SOURCE_PORT, KEY_TCP_FLAGS, PORTS } from "../packet/key.ts";
import { SAMPLE_INPUT, SAMPLE_INPUT_FORMAT, SAMPLE_KEY, SAMPLE_OUTPUT, SAMPLE_OUTPUT_FORMAT } from "../sflow/words.ts";
import { exporterOf, readTrafficKey, TRAFFIC_KEY_WORDS, type TrafficKey } from "./traffic-key.ts";

/** Some sampled packets, each by itself. */
export interface PickedSamples {
  /** Flat memory, so that it can go to another thread at no cost. */
  readonly keys: Uint32Array<ArrayBuffer>;
  /** What a packet has that its key does not, see {@link PICKED}. */
  readonly details: Float64Array<ArrayBuffer>;
}

/** One sampled packet. */
export interface PickedSample extends TrafficKey {
  /** Its exporter's number. */
  readonly exporter: number;
  /** When it was received, in milliseconds since 1970. */
  readonly at: number;
  /** Packets that it stands for. */
  readonly rate: number;
  /** Of the packet, on the wire without checksum. */
  readonly bytes: number;
  readonly outputIfIndex?: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** Low byte of TCP's flags. */
  readonly tcpFlags?: number;
}

/** Picks samples out of all that come, each as likely as any other. */
export interface SamplePicker {
  /** @param keys of traffic, with whose it is; @param row of the sample in `samples` */
  take(keys: Uint32Array, samples: Uint32Array, row: number, amounts: SampleAmounts): void;
  /** Gives what was picked since the last call, and begins anew. */
  drain(): PickedSamples;
}

/** One object that is always the same, so that nothing is made for a sample. */
export interface SampleAmounts {
  /** Where the key of the sample's traffic begins. */
  keyAt: number;
  at: number;
  rate: number;
  bytes: number;
}

const AT = 0;
const RATE = 1;
const BYTES = 2;
const INPUT = 3;
const OUTPUT = 4;
const SOURCE_PORT = 5;
const DESTINATION_PORT = 6;
const TCP_FLAGS = 7;
const DETAILS = 8;
const ABSENT = -1;
const TCP = 6;

/**
 * Keeps `most` of however many come (reservoir sampling: Vitter, "Random sampling with a reservoir", 1985, algorithm R). Its numbers are its own, so
 * that the same samples give the same ones.
 */
export function createSamplePicker(most: number): SamplePicker {
  const keys = new Uint32Array(most * TRAFFIC_KEY_WORDS);
  const details = new Float64Array(most * DETAILS);
  let seen = 0;
  let state = 1;

  /** From 0 to below `count` (mulberry32). */
  function below(count: number): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * count);
  }

  return {
    take(from, samples, row, { keyAt, at, rate, bytes }) {
      seen += 1;
      const place = seen <= most ? seen - 1 : below(seen);
      if (place >= most) return;
      for (let word = 0; word < TRAFFIC_KEY_WORDS; word++)
        keys[place * TRAFFIC_KEY_WORDS + word] = from[keyAt + word] ?? 0;
      const to = place * DETAILS;
      const packet = row + SAMPLE_KEY;
      const hasPorts = ((samples[packet + KEY_FLAGS] ?? 0) & PORTS) !== 0;
      details[to + AT] = at;
      details[to + RATE] = rate;
      details[to + BYTES] = bytes;
      details[to + INPUT] = interfaceOf(samples, row + SAMPLE_INPUT_FORMAT, row + SAMPLE_INPUT);
      details[to + OUTPUT] = interfaceOf(samples, row + SAMPLE_OUTPUT_FORMAT, row + SAMPLE_OUTPUT);
      details[to + SOURCE_PORT] = hasPorts ? (samples[packet + KEY_SOURCE_PORT] ?? 0) : ABSENT;
      details[to + DESTINATION_PORT] = hasPorts ? (samples[packet + KEY_DESTINATION_PORT] ?? 0) : ABSENT;
      const isTcp = hasPorts && samples[packet + KEY_PROTOCOL] === TCP;
      details[to + TCP_FLAGS] = isTcp ? (samples[packet + KEY_TCP_FLAGS] ?? 0) & 0xff : ABSENT;
    },
    drain() {
      const count = Math.min(seen, most);
      seen = 0;
      return { keys: keys.slice(0, count * TRAFFIC_KEY_WORDS), details: details.slice(0, count * DETAILS) };
    },
  };
}

/** Of a port that is told by its interface's index, which is never 0. */
function interfaceOf(samples: Uint32Array, format: number, value: number): number {
  return samples[format] === 0 && samples[value] !== 0 ? (samples[value] ?? ABSENT) : ABSENT;
}

/** Says picked samples in words. */
export function* pickedSamples({ keys, details }: PickedSamples): Generator<PickedSample> {
  for (let at = 0, from = 0; at < keys.length; at += TRAFFIC_KEY_WORDS, from += DETAILS) {
    yield {
      ...readTrafficKey(keys, at),
      exporter: exporterOf(keys, at),
      at: details[from + AT] ?? 0,
      rate: details[from + RATE] ?? 0,
      bytes: details[from + BYTES] ?? 0,
      ...present("inputIfIndex", details[from + INPUT]),
      ...present("outputIfIndex", details[from + OUTPUT]),
      ...present("sourcePort", details[from + SOURCE_PORT]),
      ...present("destinationPort", details[from + DESTINATION_PORT]),
      ...present("tcpFlags", details[from + TCP_FLAGS]),
    };
  }
}

function present<K extends string>(name: K, value = ABSENT): Partial<Record<K, number>> {
  return value === ABSENT ? {} : ({ [name]: value } as Record<K, number>);
}
