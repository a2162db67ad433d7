import { counterRecordLength, flowRecordLength } from "../records/registry.ts";
import { countUnknown, type Decoding, refuse } from "./datagram.ts";
import { readFlowRecord } from "./flow-records.ts";
import {
  RECORD_LENGTH_REFUSED,
  RECORD_TRUNCATED,
  RECORDS_MISSING,
  SAMPLE_LENGTH,
  SAMPLE_TRUNCATED,
} from "./refusal.ts";
import {
  COUNTER_SAMPLE,
  DISCARD_SAMPLE,
  FLOW_SAMPLE,
  FORMAT_BITS,
  HAS_ALL_RECORDS,
  RECORD_AT,
  RECORD_FORMAT,
  RECORD_LENGTH,
  RECORD_WORDS,
  SAMPLE_CLEARED_WORDS,
  SAMPLE_DROPS,
  SAMPLE_FIRST_RECORD,
  SAMPLE_FORMAT,
  SAMPLE_HAS,
  SAMPLE_INPUT,
  SAMPLE_INPUT_FORMAT,
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
  SOURCE_CLASS_BITS,
} from "./words.ts";

/** Bytes that a sample of each format begins with, up to and with the number of its records. */
const HEAD_BYTES = { 1: 32, 2: 12, 3: 44, 4: 16, 5: 32 } as const;

/** Reads the sample at `at` and gives where the next one begins, or 0 when that cannot be known. */
export function readSample(decoding: Decoding, at: number): number {
  const { view, end } = decoding;
  const format = view.getUint32(at);
  const length = view.getUint32(at + 4);
  const body = at + 8;
  if (length > end - body) {
    refuse(decoding, SAMPLE_LENGTH, at);
    return 0;
  }
  const sampleEnd = body + length;
  switch (format) {
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
      if (length < HEAD_BYTES[format]) refuse(decoding, SAMPLE_TRUNCATED, at);
      else readKnownSample(decoding, format, body, sampleEnd);
      break;
    default:
      countUnknown(decoding, "sample", format);
  }
  return padded(body, length, end);
}

/** XDR pads to 4 bytes (RFC 4506 section 3); what somebody forgot to pad at the very end is taken as well. */
function padded(at: number, length: number, end: number): number {
  return Math.min(end, at + ((length + 3) & ~3));
}

function readKnownSample(decoding: Decoding, format: 1 | 2 | 3 | 4 | 5, at: number, end: number): void {
  const { samples, samplePairs, view, sampleCount } = decoding;
  const row = sampleCount * SAMPLE_WORDS;
  decoding.sampleCount = sampleCount + 1;
  const firstPair = row >>> 1;
  for (let pair = firstPair; pair < firstPair + (SAMPLE_CLEARED_WORDS >>> 1); pair++) samplePairs[pair] = 0;
  samples[row + SAMPLE_SEQUENCE] = view.getUint32(at);
  samples[row + SAMPLE_FIRST_RECORD] = decoding.recordCount;
  samples[row + SAMPLE_HAS] = HAS_ALL_RECORDS;
  samples[row + SAMPLE_FORMAT] = format;
  const source = view.getUint32(at + 4);
  if (format < 3) {
    samples[row + SAMPLE_SOURCE_CLASS] = source >>> SOURCE_CLASS_BITS;
    samples[row + SAMPLE_SOURCE_INDEX] = source & ((1 << SOURCE_CLASS_BITS) - 1);
  } else {
    samples[row + SAMPLE_SOURCE_CLASS] = source;
    samples[row + SAMPLE_SOURCE_INDEX] = view.getUint32(at + 8);
  }
  readRest(decoding, format, at, row);
  readRecords(decoding, row, at + HEAD_BYTES[format], end);
}

function readRest(decoding: Decoding, format: 1 | 2 | 3 | 4 | 5, at: number, row: number): void {
  const { samples, view } = decoding;
  switch (format) {
    case 1:
      samples[row + SAMPLE_KIND] = FLOW_SAMPLE;
      samples[row + SAMPLE_RATE] = view.getUint32(at + 8);
      samples[row + SAMPLE_POOL] = view.getUint32(at + 12);
      samples[row + SAMPLE_DROPS] = view.getUint32(at + 16);
      readPort(decoding, at + 20, row + SAMPLE_INPUT_FORMAT);
      readPort(decoding, at + 24, row + SAMPLE_OUTPUT_FORMAT);
      return;
    case 3:
      samples[row + SAMPLE_KIND] = FLOW_SAMPLE;
      samples[row + SAMPLE_RATE] = view.getUint32(at + 12);
      samples[row + SAMPLE_POOL] = view.getUint32(at + 16);
      samples[row + SAMPLE_DROPS] = view.getUint32(at + 20);
      samples[row + SAMPLE_INPUT_FORMAT] = view.getUint32(at + 24);
      samples[row + SAMPLE_INPUT] = view.getUint32(at + 28);
      samples[row + SAMPLE_OUTPUT_FORMAT] = view.getUint32(at + 32);
      samples[row + SAMPLE_OUTPUT] = view.getUint32(at + 36);
      return;
    case 5:
      samples[row + SAMPLE_KIND] = DISCARD_SAMPLE;
      samples[row + SAMPLE_DROPS] = view.getUint32(at + 12);
      samples[row + SAMPLE_INPUT] = view.getUint32(at + 16);
      samples[row + SAMPLE_OUTPUT] = view.getUint32(at + 20);
      samples[row + SAMPLE_REASON] = view.getUint32(at + 24);
      return;
    case 2:
    case 4:
      samples[row + SAMPLE_KIND] = COUNTER_SAMPLE;
  }
}

/** `interface` of the specification: the format in the two high bits, and behind it, in the next word of the row, the value. */
function readPort({ samples, view }: Decoding, at: number, word: number): void {
  const port = view.getUint32(at);
  samples[word] = port >>> FORMAT_BITS;
  samples[word + 1] = port & ((1 << FORMAT_BITS) - 1);
}

/** The counts are kept in variables: this is the innermost loop. */
function readRecords(decoding: Decoding, row: number, first: number, end: number): void {
  const { view, samples, records } = decoding;
  const isCounters = samples[row + SAMPLE_KIND] === COUNTER_SAMPLE;
  const count = view.getUint32(first - 4);
  let at = first;
  let record = decoding.recordCount;
  for (let index = 0; index < count; index++) {
    if (at + 8 > end) {
      refuseRecord(decoding, row, RECORDS_MISSING, at);
      break;
    }
    const format = view.getUint32(at);
    const length = view.getUint32(at + 4);
    if (length > end - at - 8) {
      refuseRecord(decoding, row, RECORD_LENGTH_REFUSED, at);
      break;
    }
    const least = isCounters ? counterRecordLength(format) : flowRecordLength(format);
    if (least < 0) countUnknown(decoding, isCounters ? "counters" : "flow", format);
    else if (length < least) refuseRecord(decoding, row, RECORD_TRUNCATED, at);
    else if (isCounters || readFlowRecord(decoding, row, format, at)) {
      records[record * RECORD_WORDS + RECORD_FORMAT] = format;
      records[record * RECORD_WORDS + RECORD_AT] = at + 8;
      records[record * RECORD_WORDS + RECORD_LENGTH] = length;
      record += 1;
    }
    at = padded(at + 8, length, end);
  }
  samples[row + SAMPLE_RECORDS] = record - decoding.recordCount;
  decoding.recordCount = record;
}

/** Counts it, and the sample is no longer whole. */
function refuseRecord(decoding: Decoding, row: number, reason: number, at: number): void {
  const { samples } = decoding;
  samples[row + SAMPLE_HAS] = (samples[row + SAMPLE_HAS] ?? 0) & ~HAS_ALL_RECORDS;
  refuse(decoding, reason, at);
}
