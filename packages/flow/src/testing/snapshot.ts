import { KEY_TUNNEL, KEY_WORDS } from "../packet/key.ts";
import type { SflowDecoder } from "../sflow/decoder.ts";
import {
  RECORD_AT,
  RECORD_WORDS,
  SAMPLE_FIRST_RECORD,
  SAMPLE_HEADER_AT,
  SAMPLE_INNER_KEY,
  SAMPLE_KEY,
  SAMPLE_RECORDS,
  SAMPLE_WORDS,
} from "../sflow/words.ts";

/** The samples of the datagram that a decoder read last, each with its records, as texts that can be compared: places are told from the datagram's start. */
export function snapshotSamples({ datagram }: SflowDecoder): string[] {
  const { samples, sampleCount, records, start } = datagram;
  return Array.from({ length: sampleCount }, (_, index) => {
    const row = index * SAMPLE_WORDS;
    // Without a tunnel, only the flags of the inner key are written.
    const isTunnel = samples[row + SAMPLE_KEY + KEY_TUNNEL] !== 0;
    const words = [...samples.subarray(row, row + SAMPLE_INNER_KEY + (isTunnel ? KEY_WORDS : 1))];
    if (words[SAMPLE_HEADER_AT] !== 0) words[SAMPLE_HEADER_AT] = (words[SAMPLE_HEADER_AT] ?? 0) - start;
    const [first = 0, count = 0] = [words[SAMPLE_FIRST_RECORD], words[SAMPLE_RECORDS]];
    words[SAMPLE_FIRST_RECORD] = 0;
    const own = [...records.subarray(first * RECORD_WORDS, (first + count) * RECORD_WORDS)];
    return `${words.join(" ")} | ${own.map((word, place) => (place % RECORD_WORDS === RECORD_AT ? word - start : word)).join(" ")}`;
  });
}
