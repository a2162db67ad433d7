import { FIELDS, type Field, fieldMaximum, fieldNameOfHeader } from "./fields.ts";
import type { Match } from "./flow.ts";
import { type MatchEntry, matchEntries, matchOfEntries } from "./match-fields.ts";
import { MATCH_OXM } from "./protocol.ts";
import type { ByteReader, ByteWriter } from "./wire.ts";

/** Bit 8 of an OXM header: a mask follows the value. */
const HAS_MASK = 1 << 8;

/** Writes an `ofp_match` (OpenFlow 1.4 section 7.2.3.1): type, length, OXM TLVs, zeros to a multiple of 8. */
export function writeMatch(writer: ByteWriter, match: Match): void {
  const start = writer.length;
  writer.u16(MATCH_OXM).u16(0);
  for (const entry of matchEntries(match)) writeEntry(writer, entry);
  if (match.opaque !== undefined) writer.bytes(Buffer.from(match.opaque, "hex"));
  writer.patch16(start + 2, writer.length - start);
  writer.align8(start);
}

export function readMatch(reader: ByteReader): Match {
  reader.skip(2);
  const length = reader.u16();
  const body = reader.slice(length - 4);
  reader.skip(-length & 7);
  const entries: MatchEntry[] = [];
  let unknown = "";
  while (body.remaining > 0) {
    const tlv = readTlv(body);
    if (typeof tlv === "string") unknown += tlv;
    else entries.push(tlv);
  }
  const { match, rest } = matchOfEntries(entries);
  const opaque = rest.map(entryHex).join("") + unknown;
  return opaque === "" ? match : { ...match, opaque };
}

function writeEntry(writer: ByteWriter, { field, value, mask }: MatchEntry): void {
  if (mask === undefined) {
    writer.u32(field.header).wide(value, field.bytes);
    return;
  }
  writer.u32(maskedHeader(field)).wide(value, field.bytes).wide(mask, field.bytes);
}

/** Says that a mask follows; the length then counts value and mask. Sums, because bit operations would make it negative. */
function maskedHeader(field: Field): number {
  return field.header + HAS_MASK + field.bytes;
}

function entryHex({ field, value, mask }: MatchEntry): string {
  const digits = (number: bigint): string => number.toString(16).padStart(field.bytes * 2, "0");
  const header = mask === undefined ? field.header : maskedHeader(field);
  return header.toString(16).padStart(8, "0") + digits(value) + (mask === undefined ? "" : digits(mask));
}

/** The class of fields whose header goes on with the number of who made them. */
const EXPERIMENTER = 0xffff;
/** ONF_EXPERIMENTER_ID. OpenFlow 1.4 has TCP flags only as its field 42, and so Open vSwitch sends them. */
const ONF = 0x4f4e_4600;
const ONF_TCP_FLAGS = 42;

function readExperimenter(header: number, body: ByteReader): MatchEntry | string {
  const bytes = body.bytes(header & 0xff);
  const field = FIELDS.tcp_flags;
  const masked = (header & HAS_MASK) !== 0;
  const isFlags = bytes.readUInt32BE(0) === ONF && ((header >>> 9) & 0x7f) === ONF_TCP_FLAGS;
  if (!isFlags) return header.toString(16).padStart(8, "0") + bytes.toString("hex");
  const value = BigInt(bytes.readUInt16BE(4));
  return { name: "tcp_flags", field, value, ...(masked ? { mask: BigInt(bytes.readUInt16BE(6)) } : {}) };
}

/** One TLV; in hexadecimal when its field is not in our table. */
function readTlv(body: ByteReader): MatchEntry | string {
  const header = body.u32();
  if (header >>> 16 === EXPERIMENTER) return readExperimenter(header, body);
  const masked = (header & HAS_MASK) !== 0;
  const length = header & 0xff;
  const plain = masked ? ((header & ~0x1ff) | (length / 2)) >>> 0 : header;
  const name = fieldNameOfHeader(plain);
  if (name === undefined) return header.toString(16).padStart(8, "0") + body.bytes(length).toString("hex");
  const field = FIELDS[name];
  const value = body.wide(field.bytes);
  if (!masked) return { name, field, value };
  const mask = body.wide(field.bytes);
  return mask === fieldMaximum(field) ? { name, field, value } : { name, field, value, mask };
}
