import { type DatagramDescription, describeDatagram } from "../describe/datagram.ts";
import {
  createDecoding,
  type Datagram,
  type Decoding,
  type FormatSpace,
  MOST_BYTES,
  refusalsOf,
  refuse,
} from "./datagram.ts";
import { formatName } from "./format-name.ts";
import {
  AGENT_ADDRESS,
  DATAGRAM_LENGTH,
  type Refusal,
  type RefusalReason,
  refusalReasons,
  SAMPLES_MISSING,
  VERSION,
} from "./refusal.ts";
import { readSample } from "./samples.ts";
import { HEAD_AGENT, HEAD_FAMILY, HEAD_SAMPLES, HEAD_SEQUENCE, HEAD_SUB_AGENT, HEAD_UPTIME } from "./words.ts";

/** Version, type of address, IPv4 address, sub-agent, sequence, uptime, number of samples. */
const LEAST_HEAD = 28;

/** What a decoder counted since it was made. */
export interface DecoderTotals {
  readonly refusals: Readonly<Record<RefusalReason, number>>;
  /** How often each format was skipped because it is unknown, by `ENTERPRISE:FORMAT`; of packets: by header protocol. */
  readonly unknown: Readonly<Record<FormatSpace, Readonly<Record<string, number>>>>;
  /** Unknown ones that came after {@link unknown} had grown too long. */
  readonly otherUnknown: number;
}

/** Reads sFlow version 5 datagrams, one after another, into the same memory. */
export interface SflowDecoder {
  /** What the last datagram says. */
  readonly datagram: Datagram;
  /**
   * Reads the bytes from `start` to before `end`. Any bytes will do: what is wrong is refused, counted, and told in {@link Datagram.refusals}.
   *
   * @returns whether the datagram has a head; without one there are no samples either
   */
  decode(view: DataView, start: number, end: number): boolean;
  /**
   * Everything that the last datagram says, in words, with all fields of all records: for people and for what comes rarely, e.g. counters. What
   * it finds to refuse, which {@link decode} does not look into, is counted by the first call for a datagram.
   */
  describe(): DatagramDescription;
  /** What of the last datagram was refused, the first 64. */
  refused(): Refusal[];
  totals(): DecoderTotals;
}

/** A decoder needs 2 MiB, once. */
export function createSflowDecoder(): SflowDecoder {
  const decoding = createDecoding();
  return {
    datagram: decoding,
    decode(view, start, end) {
      decoding.view = view;
      decoding.start = start;
      decoding.end = end;
      decoding.sampleCount = 0;
      decoding.recordCount = 0;
      decoding.refusalCount = 0;
      const at = readHead(decoding);
      if (at === 0) return false;
      readSamples(decoding, at);
      return true;
    },
    describe: () => describeDatagram(decoding),
    refused: () => refusalsOf(decoding),
    totals: () => totalsOf(decoding),
  };
}

/** Gives where the samples begin, or 0. */
function readHead(decoding: Decoding): number {
  const { view, start, end, head } = decoding;
  const length = end - start;
  if (length < LEAST_HEAD || length > MOST_BYTES) return refuseAll(decoding, DATAGRAM_LENGTH);
  if (view.getUint32(start) !== 5) return refuseAll(decoding, VERSION);
  const type = view.getUint32(start + 4);
  if (type !== 1 && type !== 2) return refuseAll(decoding, AGENT_ADDRESS);
  const isV6 = type === 2;
  if (isV6 && length < LEAST_HEAD + 12) return refuseAll(decoding, DATAGRAM_LENGTH);
  head[HEAD_FAMILY] = isV6 ? 6 : 4;
  head[HEAD_AGENT] = isV6 ? view.getUint32(start + 8) : 0;
  head[HEAD_AGENT + 1] = isV6 ? view.getUint32(start + 12) : 0;
  head[HEAD_AGENT + 2] = isV6 ? view.getUint32(start + 16) : 0xffff;
  const at = start + (isV6 ? 20 : 8);
  head[HEAD_AGENT + 3] = view.getUint32(at);
  head[HEAD_SUB_AGENT] = view.getUint32(at + 4);
  head[HEAD_SEQUENCE] = view.getUint32(at + 8);
  head[HEAD_UPTIME] = view.getUint32(at + 12);
  head[HEAD_SAMPLES] = view.getUint32(at + 16);
  return at + 20;
}

function refuseAll(decoding: Decoding, reason: number): 0 {
  refuse(decoding, reason, decoding.start);
  return 0;
}

function readSamples(decoding: Decoding, first: number): void {
  const { end } = decoding;
  const count = decoding.head[HEAD_SAMPLES] ?? 0;
  let at = first;
  for (let index = 0; index < count; index++) {
    if (at + 8 > end) {
      refuse(decoding, SAMPLES_MISSING, at);
      return;
    }
    at = readSample(decoding, at);
    if (at === 0) return;
  }
}

function totalsOf({ refusedTotals, unknown }: Decoding): DecoderTotals {
  const named = (space: FormatSpace) =>
    Object.fromEntries(
      [...unknown.counts[space]].map(([format, count]) => [
        space === "packet" ? `${format}` : formatName(format),
        count,
      ]),
    );
  return {
    refusals: Object.fromEntries(refusalReasons.map((reason, index) => [reason, refusedTotals[index] ?? 0])) as Record<
      RefusalReason,
      number
    >,
    unknown: { sample: named("sample"), flow: named("flow"), counters: named("counters"), packet: named("packet") },
    otherUnknown: unknown.others,
  };
}
