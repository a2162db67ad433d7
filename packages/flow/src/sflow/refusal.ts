/**
 * Why something of a datagram was not taken. What stands before it and beside it was taken all the same.
 *
 * | reason | refused is |
 * |---|---|
 * | `datagram_length` | the datagram: shorter than its head, or longer than UDP carries |
 * | `version` | the datagram: not version 5 |
 * | `agent_address` | the datagram: its agent has neither an IPv4 nor an IPv6 address |
 * | `samples_missing` | the rest: the datagram says it has more samples |
 * | `sample_length` | the sample and the rest: it reaches behind the datagram's end |
 * | `sample_truncated` | the sample: shorter than what every sample of its kind begins with |
 * | `records_missing` | the rest of the sample: it says it has more records |
 * | `record_length` | the record and the rest of the sample: it reaches behind the sample's end |
 * | `record_truncated` | the record: shorter than its fields |
 * | `header_length` | the record: it says that its packet header is longer than the record is |
 * | `record_content` | the record: a text or a list in it reaches behind its end |
 */
export const refusalReasons = [
  "datagram_length",
  "version",
  "agent_address",
  "samples_missing",
  "sample_length",
  "sample_truncated",
  "records_missing",
  "record_length",
  "record_truncated",
  "header_length",
  "record_content",
] as const;
export type RefusalReason = (typeof refusalReasons)[number];

/** Something that was refused, and where in the datagram it begins, in bytes from the datagram's first one. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly offset: number;
}

/** Index of a reason in {@link refusalReasons}: what the decoder works with. */
export const DATAGRAM_LENGTH = 0;
export const VERSION = 1;
export const AGENT_ADDRESS = 2;
export const SAMPLES_MISSING = 3;
export const SAMPLE_LENGTH = 4;
export const SAMPLE_TRUNCATED = 5;
export const RECORDS_MISSING = 6;
export const RECORD_LENGTH_REFUSED = 7;
export const RECORD_TRUNCATED = 8;
export const HEADER_LENGTH = 9;
export const RECORD_CONTENT = 10;
