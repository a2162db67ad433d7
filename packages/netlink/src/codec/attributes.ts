import { assert } from "@holdfast/core";

/**
 * Netlink attributes (linux/netlink.h, struct nlattr): length u16 with the head of 4 bytes, type u16, payload, padding to 4 bytes.
 * Numbers are in the order of the machine, which is little-endian on all machines we run on; addresses are in network order.
 */
export const LITTLE_ENDIAN = true;

const HEAD = 4;
/** The type's two high bits: nested, network byte order. */
const NLA_F_NESTED = 0x8000;
const TYPE_MASK = 0x3fff;

export function align(length: number): number {
  return (length + 3) & ~3;
}

export function attribute(type: number, payload: Uint8Array): Uint8Array {
  const bytes = emptyAttribute(type, payload.length);
  bytes.set(payload, HEAD);
  return bytes;
}

export function u32Attribute(type: number, value: number): Uint8Array {
  const bytes = emptyAttribute(type, 4);
  writeU32(bytes, HEAD, value);
  return bytes;
}

/** Text with the closing zero byte (NLA_NUL_STRING). */
export function textAttribute(type: number, text: string): Uint8Array {
  const bytes = emptyAttribute(type, Buffer.byteLength(text) + 1);
  encoder.encodeInto(text, bytes.subarray(HEAD));
  return bytes;
}

/** A nest may start with a fixed struct, as VETH_INFO_PEER does with ifinfomsg: give it as the first part. */
export function nestedAttribute(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const bytes = emptyAttribute(type | NLA_F_NESTED, lengthOf(parts));
  copyInto(bytes, HEAD, parts);
  return bytes;
}

/** With a head and room for a payload of so many bytes. */
function emptyAttribute(type: number, length: number): Uint8Array {
  assert(length <= 0xffff - HEAD, "a netlink attribute has at most 65531 bytes");
  const bytes = new Uint8Array(align(HEAD + length));
  writeU16(bytes, 0, HEAD + length);
  writeU16(bytes, 2, type);
  return bytes;
}

export type Attributes = ReadonlyMap<number, Uint8Array>;

/** Payloads by type without its flag bits; of repeated types the last. Ends quietly at a broken length, as the kernel's own parser does. */
export function parseAttributes(bytes: Uint8Array, start = 0): Attributes {
  const found = new Map<number, Uint8Array>();
  const view = viewOf(bytes);
  for (let offset = start; offset + HEAD <= bytes.length; ) {
    const length = view.getUint16(offset, LITTLE_ENDIAN);
    if (length < HEAD || offset + length > bytes.length) break;
    found.set(view.getUint16(offset + 2, LITTLE_ENDIAN) & TYPE_MASK, bytes.subarray(offset + HEAD, offset + length));
    offset += align(length);
  }
  return found;
}

export function readU32(attributes: Attributes, type: number): number | undefined {
  const bytes = attributes.get(type);
  return bytes === undefined || bytes.length < 4 ? undefined : viewOf(bytes).getUint32(0, LITTLE_ENDIAN);
}

export function readText(attributes: Attributes, type: number): string | undefined {
  const bytes = attributes.get(type);
  if (bytes === undefined) return undefined;
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

export function readNested(attributes: Attributes, type: number): Attributes {
  return parseAttributes(attributes.get(type) ?? new Uint8Array());
}

export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(lengthOf(parts));
  copyInto(whole, 0, parts);
  return whole;
}

/** Bytes of all parts. */
export function lengthOf(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}

/** One after the other, from `offset` on. */
export function copyInto(bytes: Uint8Array, offset: number, parts: readonly Uint8Array[]): void {
  let end = offset;
  for (const part of parts) {
    bytes.set(part, end);
    end += part.length;
  }
}

/** As {@link DataView.setUint16} would, without a view: a message has dozens of such numbers, and making views for them takes longer than they do. */
export function writeU16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
}

/** As {@link writeU16}. */
export function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  writeU16(bytes, offset, value);
  writeU16(bytes, offset + 2, value >>> 16);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
