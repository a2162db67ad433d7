import type { IpAddress } from "@holdfast/core";
import type { RecordLayout } from "../records/layout.ts";
import { counterLayout, flowLayout } from "../records/registry.ts";
import { type Decoding, refusalsOf, refuse } from "../sflow/datagram.ts";
import { formatName } from "../sflow/format-name.ts";
import { RECORD_CONTENT, type Refusal } from "../sflow/refusal.ts";
import {
  COUNTER_SAMPLE,
  DISCARD_SAMPLE,
  FLOW_SAMPLE,
  HAS_ALL_RECORDS,
  HAS_PACKET,
  HEAD_AGENT,
  HEAD_FAMILY,
  HEAD_SEQUENCE,
  HEAD_SUB_AGENT,
  HEAD_UPTIME,
  RECORD_AT,
  RECORD_FORMAT,
  RECORD_LENGTH,
  RECORD_WORDS,
  SAMPLE_DROPS,
  SAMPLE_FIRST_RECORD,
  SAMPLE_FORMAT,
  SAMPLE_HAS,
  SAMPLE_INPUT,
  SAMPLE_INPUT_FORMAT,
  SAMPLE_KEY,
  SAMPLE_KIND,
  SAMPLE_OUTPUT,
  SAMPLE_OUTPUT_FORMAT,
  SAMPLE_POOL,
  SAMPLE_RATE,
  SAMPLE_REASON,
  SAMPLE_RECORDS,
  SAMPLE_SEQUENCE,
  SAMPLE_SOURCE_CLASS,
  SAMPLE_SOURCE_INDEX,
  SAMPLE_WORDS,
} from "../sflow/words.ts";
import { dropReason } from "./drop-reason.ts";
import { addressOf, describePacket, type PacketDescription } from "./packet.ts";
import { type RecordFields, readFields } from "./record.ts";

/** A whole datagram in words, as `holdfast flows decode` prints it. */
export interface DatagramDescription {
  readonly agent: IpAddress;
  readonly subAgent: number;
  readonly sequence: number;
  readonly uptimeMs: number;
  readonly samples: readonly SampleDescription[];
  /** Absent: nothing was refused. At most 64 are told. */
  readonly refused?: readonly Refusal[];
}

export interface SampleDescription {
  readonly kind: "flow" | "counters" | "discard";
  /** `"0:1"`, `"0:3"` of an expanded one. */
  readonly format: string;
  readonly sequence: number;
  readonly source: { readonly class: string; readonly index: number };
  /** Of flow samples: one of so many packets is sampled. */
  readonly samplingRate?: number;
  readonly samplePool?: number;
  /** Of flow samples and discards: samples that the agent dropped so far. */
  readonly drops?: number;
  readonly input?: PortDescription;
  readonly output?: PortDescription;
  /** Of discards. */
  readonly reason?: string;
  readonly reasonCode?: number;
  /** The packet's headers. Absent: no record has any. */
  readonly packet?: PacketDescription;
  readonly records: readonly RecordDescription[];
  /** Some of its records were refused. */
  readonly incomplete?: true;
}

/** Where a packet came from or went: an interface (0: unknown, 1073741823: the agent itself), nowhere, or several interfaces (0: unknown how many). */
export type PortDescription =
  | { readonly ifIndex: number }
  | { readonly dropped: string; readonly code: number }
  | { readonly ports: number }
  | { readonly format: number; readonly value: number };

export interface RecordDescription {
  /** `"0:1001"`. */
  readonly format: string;
  /** The specification's, e.g. `"extended_switch"`. */
  readonly name: string;
  readonly fields: RecordFields;
}

/** What the datagram that was read last says. What its records' texts and lists refuse is counted now. */
export function describeDatagram(decoding: Decoding): DatagramDescription {
  const { head } = decoding;
  const samples = Array.from({ length: decoding.sampleCount }, (_, index) =>
    describeSample(decoding, index * SAMPLE_WORDS),
  );
  const refused = refusalsOf(decoding);
  return {
    agent: addressOf(head, HEAD_AGENT, head[HEAD_FAMILY] === 6 ? 6 : 4),
    subAgent: word(head, HEAD_SUB_AGENT),
    sequence: word(head, HEAD_SEQUENCE),
    uptimeMs: word(head, HEAD_UPTIME),
    samples,
    ...(refused.length === 0 ? {} : { refused }),
  };
}

const word = (words: Uint32Array, index: number): number => words[index] ?? 0;

const KINDS = { [FLOW_SAMPLE]: "flow", [COUNTER_SAMPLE]: "counters", [DISCARD_SAMPLE]: "discard" } as const;
/** `sFlowDataSource` of the specification. */
const SOURCE_CLASSES = ["ifIndex", "smonVlanDataSource", "entPhysicalEntry", "entLogicalEntry"] as const;

function describeSample(decoding: Decoding, row: number): SampleDescription {
  const { samples } = decoding;
  const kind = KINDS[word(samples, row + SAMPLE_KIND) as keyof typeof KINDS];
  const sourceClass = word(samples, row + SAMPLE_SOURCE_CLASS);
  const records = describeRecords(decoding, row);
  const has = word(samples, row + SAMPLE_HAS);
  return {
    kind,
    format: formatName(word(samples, row + SAMPLE_FORMAT)),
    sequence: word(samples, row + SAMPLE_SEQUENCE),
    source: {
      class: SOURCE_CLASSES[sourceClass] ?? String(sourceClass),
      index: word(samples, row + SAMPLE_SOURCE_INDEX),
    },
    ...(kind === "flow"
      ? { samplingRate: word(samples, row + SAMPLE_RATE), samplePool: word(samples, row + SAMPLE_POOL) }
      : {}),
    ...(kind === "counters" ? {} : describeWay(samples, row)),
    ...(kind === "discard" ? reasonOf(word(samples, row + SAMPLE_REASON)) : {}),
    ...(has & HAS_PACKET ? { packet: describePacket(samples, row + SAMPLE_KEY) } : {}),
    records,
    ...(has & HAS_ALL_RECORDS ? {} : { incomplete: true }),
  };
}

function describeWay(samples: Uint32Array, row: number): Pick<SampleDescription, "drops" | "input" | "output"> {
  return {
    drops: word(samples, row + SAMPLE_DROPS),
    input: describePort(word(samples, row + SAMPLE_INPUT_FORMAT), word(samples, row + SAMPLE_INPUT)),
    output: describePort(word(samples, row + SAMPLE_OUTPUT_FORMAT), word(samples, row + SAMPLE_OUTPUT)),
  };
}

function describePort(format: number, value: number): PortDescription {
  switch (format) {
    case 0:
      return { ifIndex: value };
    case 1:
      return { dropped: dropReason(value), code: value };
    case 2:
      return { ports: value };
    default:
      return { format, value };
  }
}

function reasonOf(code: number): Pick<SampleDescription, "reason" | "reasonCode"> {
  return { reason: dropReason(code), reasonCode: code };
}

function describeRecords(decoding: Decoding, row: number): readonly RecordDescription[] {
  const { samples } = decoding;
  const first = word(samples, row + SAMPLE_FIRST_RECORD);
  const layoutOf = samples[row + SAMPLE_KIND] === COUNTER_SAMPLE ? counterLayout : flowLayout;
  return Array.from(
    { length: word(samples, row + SAMPLE_RECORDS) },
    (_, index) => (first + index) * RECORD_WORDS,
  ).flatMap((record) => {
    const layout = layoutOf(word(decoding.records, record + RECORD_FORMAT));
    return layout === undefined ? [] : describeRecord(decoding, row, record, layout);
  });
}

function describeRecord(decoding: Decoding, row: number, record: number, layout: RecordLayout): RecordDescription[] {
  const { view, records, samples } = decoding;
  const at = word(records, record + RECORD_AT);
  const fields = readFields(layout, view, at, word(records, record + RECORD_LENGTH));
  if (fields !== undefined) return [{ format: formatName(layout.format), name: layout.name, fields }];
  samples[row + SAMPLE_HAS] = word(samples, row + SAMPLE_HAS) & ~HAS_ALL_RECORDS;
  refuse(decoding, RECORD_CONTENT, at - 8);
  return [];
}
