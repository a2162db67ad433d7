import { IpAddress, MacAddress } from "@holdfast/core";
import { type Field, type FieldType, leastOfType, type RecordLayout, type ScalarType } from "../records/layout.ts";

/** A value of a record, as {@link ScalarType} says. `bigint` keeps all digits of 64-bit counters. */
export type FieldValue = number | bigint | string | null | readonly FieldValue[] | RecordFields;
export interface RecordFields {
  readonly [name: string]: FieldValue;
}

interface Reader {
  readonly view: DataView;
  at: number;
  readonly end: number;
  /** Set when a text or a list reaches behind the end. */
  broken: boolean;
}

/** Reads a record's fields; undefined when a text or a list of it reaches behind its end. */
export function readFields(layout: RecordLayout, view: DataView, at: number, length: number): RecordFields | undefined {
  const reader: Reader = { view, at, end: at + length, broken: false };
  const fields = readGroup(reader, layout.fields);
  return reader.broken ? undefined : fields;
}

function readGroup(reader: Reader, fields: readonly Field[]): RecordFields {
  const values: Record<string, FieldValue> = {};
  for (const { name, type, optional } of fields) {
    if (optional && reader.at + leastOfType(type) > reader.end) break;
    values[name] = readValue(reader, type);
  }
  return values;
}

function readValue(reader: Reader, type: FieldType): FieldValue {
  if (typeof type === "string") return readScalar(reader, type);
  return "list" in type ? readList(reader, type.list) : readGroup(reader, type.fields);
}

function readList(reader: Reader, type: FieldType): readonly FieldValue[] {
  const count = take(reader, 4) ? reader.view.getUint32(reader.at - 4) : 0;
  // So many elements must be there, each with its least bytes: a wrong number costs nothing.
  if (count * leastOfType(type) > reader.end - reader.at) {
    reader.broken = true;
    return [];
  }
  return Array.from({ length: count }, () => readValue(reader, type));
}

/** Moves on; the value lies before the new place. */
function take(reader: Reader, bytes: number): boolean {
  if (reader.broken || reader.at + bytes > reader.end) {
    reader.broken = true;
    return false;
  }
  reader.at += bytes;
  return true;
}

const SIZES: Readonly<Partial<Record<ScalarType, number>>> = {
  u8: 1,
  u64: 8,
  c64: 8,
  g64: 8,
  hex64: 8,
  mac: 8,
  ipv6: 16,
  uuid: 16,
};

function readScalar(reader: Reader, type: ScalarType): FieldValue {
  if (type === "string") return decoder.decode(readOpaque(reader));
  if (type === "opaque") return hexOf(readOpaque(reader));
  if (type === "address") return readAddress(reader);
  const size = SIZES[type] ?? 4;
  if (!take(reader, size)) return null;
  const { view } = reader;
  const at = reader.at - size;
  switch (type) {
    case "u8":
      return view.getUint8(at);
    case "u32":
      return view.getUint32(at);
    case "i32":
      return view.getInt32(at);
    case "c32":
    case "g32":
      return unlessAllOnes(view.getUint32(at));
    case "u64":
      return view.getBigUint64(at);
    case "c64":
    case "g64":
      return view.getBigInt64(at) === -1n ? null : view.getBigUint64(at);
    case "f32":
      return view.getFloat32(at) < 0 ? null : roundFloat(view.getFloat32(at));
    case "percent": {
      const hundredths = unlessAllOnes(view.getUint32(at));
      return hundredths === null ? null : hundredths / 100;
    }
    case "hex64":
      return hexOf(bytesAt(view, at, 8));
    case "mac":
      return MacAddress.fromBytes(bytesAt(view, at, 6));
    case "ipv4":
      return IpAddress.fromV4Number(view.getUint32(at));
    case "ipv6":
      return IpAddress.fromBytes(bytesAt(view, at, 16));
    case "uuid":
      return hexOf(bytesAt(view, at, 16)).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }
}

function unlessAllOnes(value: number): number | null {
  return value === 0xffff_ffff ? null : value;
}

/** As many digits as a 32-bit float has; what is no number is unknown. */
function roundFloat(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(7)) : null;
}

function readOpaque(reader: Reader): Uint8Array {
  const length = take(reader, 4) ? reader.view.getUint32(reader.at - 4) : 0;
  if (!take(reader, length)) return new Uint8Array();
  const bytes = bytesAt(reader.view, reader.at - length, length);
  // Padding to 4 bytes, unless the record ends before.
  reader.at = Math.min(reader.end, reader.at + (-length & 3));
  return bytes;
}

/** `address` of the specification: its type, then nothing, 4 or 16 bytes. */
function readAddress(reader: Reader): FieldValue {
  if (!take(reader, 4)) return null;
  const type = reader.view.getUint32(reader.at - 4);
  if (type === 1) return readScalar(reader, "ipv4");
  return type === 2 ? readScalar(reader, "ipv6") : null;
}

function bytesAt(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}

const decoder = new TextDecoder();

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => HEX[byte]).join("");
}
