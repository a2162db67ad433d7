import { type Cursor, createCursor } from "../packet/cursor.ts";
import { type Refusal, type RefusalReason, refusalReasons } from "./refusal.ts";
import { HEAD_WORDS, RECORD_WORDS, SAMPLE_WORDS } from "./words.ts";

/** UDP carries no more (RFC 768, with IPv6 and no jumbogram). */
export const MOST_BYTES = 65_535;
/** The least a sample has: format, length and the head of a counter sample. */
const LEAST_SAMPLE = 20;
/** The least a record has: format and length. */
const LEAST_RECORD = 8;
const MOST_SAMPLES = Math.floor(MOST_BYTES / LEAST_SAMPLE) + 1;
const MOST_RECORDS = Math.floor(MOST_BYTES / LEAST_RECORD) + 1;
/** A datagram's refusals are told one by one up to here; all are counted. */
const MOST_REFUSALS = 64;
/** Formats that nobody knows are counted one by one up to here, so that a sender of nonsense fills no memory. */
const MOST_UNKNOWN = 256;

/**
 * What one datagram says. The numbers are of the datagram that was read last: reading the next one writes over them, and their places in `view`
 * hold only as long as its bytes stay.
 */
export interface Datagram {
  readonly view: DataView;
  /** First byte in the view, and the one behind the last. */
  readonly start: number;
  readonly end: number;
  /** See `HEAD_` for the places. */
  readonly head: Uint32Array;
  /** Rows of {@link SAMPLE_WORDS}. */
  readonly samples: Uint32Array;
  readonly sampleCount: number;
  /** Rows of {@link RECORD_WORDS}. */
  readonly records: Uint32Array;
  readonly recordCount: number;
  /** Pairs of a reason's index in {@link refusalReasons} and an offset in the datagram. */
  readonly refusals: Uint32Array;
  readonly refusalCount: number;
}

/** The same while it is being read, and what is counted over all datagrams. */
export interface Decoding extends Datagram {
  view: DataView;
  start: number;
  end: number;
  sampleCount: number;
  recordCount: number;
  refusalCount: number;
  /** The same memory as `samples`, two words each: it is cleared in half as many steps. */
  readonly samplePairs: Float64Array;
  readonly cursor: Cursor;
  readonly refusedTotals: Float64Array;
  readonly unknown: UnknownFormats;
}

/** What kind of thing has a `data_format` of its own. */
export type FormatSpace = "sample" | "flow" | "counters" | "packet";

/** How often each unknown format was skipped, by its `data_format` (of packets: by header protocol). */
export interface UnknownFormats {
  readonly counts: Readonly<Record<FormatSpace, Map<number, number>>>;
  /** Those that came when there were too many different ones to tell apart. */
  others: number;
}

export function createDecoding(): Decoding {
  const samples = new Uint32Array(MOST_SAMPLES * SAMPLE_WORDS);
  return {
    view: new DataView(new ArrayBuffer(0)),
    start: 0,
    end: 0,
    head: new Uint32Array(HEAD_WORDS),
    samples,
    samplePairs: new Float64Array(samples.buffer),
    sampleCount: 0,
    records: new Uint32Array(MOST_RECORDS * RECORD_WORDS),
    recordCount: 0,
    refusals: new Uint32Array(2 * MOST_REFUSALS),
    refusalCount: 0,
    cursor: createCursor(samples),
    refusedTotals: new Float64Array(refusalReasons.length),
    unknown: {
      counts: { sample: new Map(), flow: new Map(), counters: new Map(), packet: new Map() },
      others: 0,
    },
  };
}

/** Counts a refusal; `at` is a place in the view. */
export function refuse(decoding: Decoding, reason: number, at: number): void {
  decoding.refusedTotals[reason] = (decoding.refusedTotals[reason] ?? 0) + 1;
  const { refusalCount } = decoding;
  if (refusalCount === MOST_REFUSALS) return;
  decoding.refusals[2 * refusalCount] = reason;
  decoding.refusals[2 * refusalCount + 1] = at - decoding.start;
  decoding.refusalCount = refusalCount + 1;
}

export function countUnknown({ unknown }: Decoding, space: FormatSpace, format: number): void {
  const counts = unknown.counts[space];
  const before = counts.get(format);
  if (before === undefined && counts.size >= MOST_UNKNOWN) unknown.others += 1;
  else counts.set(format, (before ?? 0) + 1);
}

/** What was refused of the datagram that was read last, the first {@link MOST_REFUSALS}. */
export function refusalsOf({ refusals, refusalCount }: Datagram): Refusal[] {
  return Array.from({ length: refusalCount }, (_, index) => ({
    reason: reasonName(refusals[2 * index] ?? 0),
    offset: refusals[2 * index + 1] ?? 0,
  }));
}

function reasonName(index: number): RefusalReason {
  return refusalReasons[index] ?? "datagram_length";
}
