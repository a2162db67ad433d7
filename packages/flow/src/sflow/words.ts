import { KEY_WORDS } from "../packet/key.ts";

/**
 * Where the decoder writes what a datagram says: numbers of 32 bits at fixed places. The head of a datagram, one row per sample, one row per
 * record. Nothing is allocated for any of them.
 */

/** The agent's address: 4 (v4) or 6 (v6). */
export const HEAD_FAMILY = 0;
/** Four numbers, an IPv4 address as in {@link KEY_SOURCE}. */
export const HEAD_AGENT = 1;
export const HEAD_SUB_AGENT = 5;
export const HEAD_SEQUENCE = 6;
/** Milliseconds since the agent started; wraps after 49.7 days. */
export const HEAD_UPTIME = 7;
/** How many samples the datagram says it has. */
export const HEAD_SAMPLES = 8;
export const HEAD_WORDS = 9;

/** One of {@link FLOW_SAMPLE}, {@link COUNTER_SAMPLE}, {@link DISCARD_SAMPLE}. */
export const SAMPLE_KIND = 0;
/** Counts the samples of this kind of the source. */
export const SAMPLE_SEQUENCE = 1;
/** 0 ifIndex, 1 smonVlanDataSource, 2 entPhysicalEntry, 3 entLogicalEntry. */
export const SAMPLE_SOURCE_CLASS = 2;
export const SAMPLE_SOURCE_INDEX = 3;
/** One of so many packets is sampled; 0 in discards and counters. */
export const SAMPLE_RATE = 4;
/** Packets that could have been sampled so far; wraps. */
export const SAMPLE_POOL = 5;
/** Samples that the agent dropped for lack of resources so far; wraps. */
export const SAMPLE_DROPS = 6;
/** 0 ifIndex, 1 dropped for the reason, 2 so many ports. */
export const SAMPLE_INPUT_FORMAT = 7;
export const SAMPLE_INPUT = 8;
export const SAMPLE_OUTPUT_FORMAT = 9;
export const SAMPLE_OUTPUT = 10;
/** Why a discarded packet was dropped. */
export const SAMPLE_REASON = 11;
/** The sample's records are rows of the record table, from this one on. */
export const SAMPLE_FIRST_RECORD = 12;
export const SAMPLE_RECORDS = 13;
/** Bits that say which of the places below are told, and {@link HAS_ALL_RECORDS}. */
export const SAMPLE_HAS = 14;
/** Bytes of the packet on the wire ({@link HAS_PACKET}). */
export const SAMPLE_FRAME_LENGTH = 15;
/** Bytes of them that were taken off before the header was copied, e.g. 4 of a checksum. */
export const SAMPLE_STRIPPED = 16;
/** What the header begins with: 1 Ethernet, 7 PPP, 11 IPv4, 12 IPv6, 13 MPLS. 0: no header, the key is from records 2 to 4. */
export const SAMPLE_HEADER_PROTOCOL = 17;
/** Where the header lies in the view, and its bytes. */
export const SAMPLE_HEADER_AT = 18;
export const SAMPLE_HEADER_LENGTH = 19;
/** {@link HAS_SWITCH}. */
export const SAMPLE_VLAN_IN = 20;
export const SAMPLE_PRIORITY_IN = 21;
export const SAMPLE_VLAN_OUT = 22;
export const SAMPLE_PRIORITY_OUT = 23;
/** {@link HAS_VNI_IN}, {@link HAS_VNI_OUT}. */
export const SAMPLE_VNI_IN = 24;
export const SAMPLE_VNI_OUT = 25;
/** IPv4 addresses of the tunnel a packet came by ({@link HAS_TUNNEL_IN}) and goes by ({@link HAS_TUNNEL_OUT}). */
export const SAMPLE_TUNNEL_IN_SOURCE = 26;
export const SAMPLE_TUNNEL_IN_DESTINATION = 27;
export const SAMPLE_TUNNEL_OUT_SOURCE = 28;
export const SAMPLE_TUNNEL_OUT_DESTINATION = 29;
/** The sample's own format: 1 flow, 2 counters, 3 and 4 the same expanded, 5 discarded packet. */
export const SAMPLE_FORMAT = 30;
/**
 * The packet's key, and behind it the key of what a tunnel carries. See `KEY_` for their places. Of the inner key only the flags are written when
 * there is no tunnel: 0.
 */
export const SAMPLE_KEY = 31;
export const SAMPLE_INNER_KEY = SAMPLE_KEY + KEY_WORDS;
/** An even number: rows are cleared two words at a time. */
export const SAMPLE_WORDS = SAMPLE_INNER_KEY + KEY_WORDS + 1;
/** What is cleared of a row: all but the inner key behind its flags. An even number, too. */
export const SAMPLE_CLEARED_WORDS = SAMPLE_INNER_KEY + 1;

export const FLOW_SAMPLE = 1;
export const COUNTER_SAMPLE = 2;
export const DISCARD_SAMPLE = 3;

/** Bits of {@link SAMPLE_HAS}. */
export const HAS_PACKET = 1;
export const HAS_SWITCH = 2;
export const HAS_VNI_IN = 4;
export const HAS_VNI_OUT = 8;
export const HAS_TUNNEL_IN = 16;
export const HAS_TUNNEL_OUT = 32;
/** None of its records was refused. */
export const HAS_ALL_RECORDS = 64;

/** The record's `data_format`: enterprise << 12 | format. */
export const RECORD_FORMAT = 0;
/** Where its contents lie in the view, and their bytes. */
export const RECORD_AT = 1;
export const RECORD_LENGTH = 2;
export const RECORD_WORDS = 3;

/** `sFlowDataSource` and `interface` hold two numbers in one word, unless the sample is expanded. */
export const FORMAT_BITS = 30;
export const SOURCE_CLASS_BITS = 24;
