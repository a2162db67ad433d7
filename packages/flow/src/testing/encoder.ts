import { IpAddress, MacAddress } from "@holdfast/core";
import type { FieldValue, RecordFields } from "../describe/record.ts";
import { counterLayouts } from "../records/counter-layouts.ts";
import { flowLayouts } from "../records/flow-layouts.ts";
import type { FieldType, RecordLayout, ScalarType } from "../records/layout.ts";
import { type ByteWriter, createByteWriter } from "./byte-writer.ts";

/** A datagram to be made. What is left out is 0, or 10.0.0.1 for the agent. */
export interface DatagramPlan {
  readonly version?: number;
  readonly agent?: string;
  readonly subAgent?: number;
  readonly sequence?: number;
  readonly uptimeMs?: number;
  /** Samples as {@link encodeSample} makes them. */
  readonly samples: readonly Uint8Array[];
  /** What the datagram says it has, if that is a lie. */
  readonly declaredSamples?: number;
}

export interface SamplePlan {
  /** 1 flow, 2 counters, 3 and 4 the same expanded, 5 discarded packet. */
  readonly format: 1 | 2 | 3 | 4 | 5;
  readonly sequence?: number;
  readonly source?: { readonly class: number; readonly index: number };
  readonly rate?: number;
  readonly pool?: number;
  readonly drops?: number;
  readonly input?: { readonly format: number; readonly value: number };
  readonly output?: { readonly format: number; readonly value: number };
  readonly reason?: number;
  /** Records as {@link encodeRecord} makes them. */
  readonly records?: readonly Uint8Array[];
  /** What the sample says it has, if that is a lie. */
  readonly declaredRecords?: number;
}

export function encodeDatagram(plan: DatagramPlan): Uint8Array {
  const agent = IpAddress.toBytes(IpAddress.parse(plan.agent ?? "10.0.0.1"));
  const writer = createByteWriter()
    .u32(plan.version ?? 5, agent.length === 4 ? 1 : 2)
    .bytes(agent)
    .u32(plan.subAgent ?? 0, plan.sequence ?? 0, plan.uptimeMs ?? 0, plan.declaredSamples ?? plan.samples.length);
  for (const sample of plan.samples) writer.bytes(sample);
  return writer.finish();
}

export function encodeSample(plan: SamplePlan): Uint8Array {
  const body = createByteWriter().u32(plan.sequence ?? 0);
  writeSampleHead(body, plan);
  body.u32(plan.declaredRecords ?? plan.records?.length ?? 0);
  for (const record of plan.records ?? []) body.bytes(record);
  const bytes = body.finish();
  return createByteWriter().u32(plan.format, bytes.length).bytes(bytes).finish();
}

const NOWHERE = { format: 0, value: 0 };

function writeSampleHead(writer: ByteWriter, plan: SamplePlan): void {
  const { format, source = { class: 0, index: 0 }, rate = 1, pool = 0, drops = 0 } = plan;
  const { input = NOWHERE, output = NOWHERE, reason = 0 } = plan;
  if (format < 3) writer.u32(source.class * 2 ** 24 + source.index);
  else writer.u32(source.class, source.index);
  if (format === 1) writer.u32(rate, pool, drops, ...[input, output].map((port) => port.format * 2 ** 30 + port.value));
  if (format === 3) writer.u32(rate, pool, drops, input.format, input.value, output.format, output.value);
  if (format === 5) writer.u32(drops, input.value, output.value, reason);
}

/** A record of any format with any contents. */
export function encodeRecord(format: number, contents: Uint8Array): Uint8Array {
  return padded(createByteWriter().u32(format, contents.length).bytes(contents));
}

/** A record that carries the first bytes of a packet. */
export function encodeHeaderRecord(
  header: Uint8Array,
  options: { readonly protocol?: number; readonly frameLength?: number; readonly stripped?: number } = {},
): Uint8Array {
  const { protocol = 1, frameLength = header.length + 4, stripped = 4 } = options;
  return encodeRecord(1, padded(createByteWriter().u32(protocol, frameLength, stripped, header.length).bytes(header)));
}

/** A record that we know, from its fields' values. */
export function encodeFields(layout: RecordLayout, fields: RecordFields): Uint8Array {
  const writer = createByteWriter();
  for (const { name, type } of layout.fields) if (name in fields) writeValue(writer, type, fields[name] ?? null);
  return encodeRecord(layout.format, writer.finish());
}

/** The layout of a record by its name, e.g. `"if_counters"`. */
export function layoutNamed(name: string): RecordLayout {
  const found = [...flowLayouts, ...counterLayouts].find((layout) => layout.name === name);
  if (found === undefined) throw new TypeError(`no layout is named ${name}`);
  return found;
}

function writeValue(writer: ByteWriter, type: FieldType, value: FieldValue): void {
  if (typeof type === "string") {
    writeScalar(writer, type, value as string | number | bigint | null);
    return;
  }
  if (!("list" in type)) {
    for (const field of type.fields) writeValue(writer, field.type, (value as RecordFields)[field.name] ?? null);
    return;
  }
  const elements = value as readonly FieldValue[];
  writer.u32(elements.length);
  for (const element of elements) writeValue(writer, type.list, element);
}

function writeScalar(writer: ByteWriter, type: ScalarType, value: string | number | bigint | null): void {
  switch (type) {
    case "u8":
      writer.u8(Number(value));
      return;
    case "u32":
    case "i32":
      writer.u32(Number(value) >>> 0);
      return;
    case "c32":
    case "g32":
      writer.u32(value === null ? 0xffff_ffff : Number(value));
      return;
    case "percent":
      writer.u32(value === null ? 0xffff_ffff : Math.round(Number(value) * 100));
      return;
    case "f32":
      writer.bytes(float32(value === null ? -1 : Number(value)));
      return;
    case "u64":
    case "c64":
    case "g64":
      writeU64(writer, value === null ? 0xffff_ffff_ffff_ffffn : BigInt(value));
      return;
    case "hex64":
    case "uuid":
      writer.bytes(Buffer.from(String(value).replaceAll("-", ""), "hex"));
      return;
    case "mac":
      writer.bytes(MacAddress.toBytes(MacAddress.parse(String(value)))).u16(0);
      return;
    case "ipv4":
    case "ipv6":
      writer.bytes(IpAddress.toBytes(IpAddress.parse(String(value))));
      return;
    case "address":
      writeAddress(writer, value);
      return;
    case "string":
      writeOpaque(writer, new TextEncoder().encode(String(value)));
      return;
    case "opaque":
      writeOpaque(writer, Buffer.from(String(value), "hex"));
  }
}

function writeU64(writer: ByteWriter, value: bigint): void {
  writer.u32(Number(value >> 32n), Number(value & 0xffff_ffffn));
}

function writeAddress(writer: ByteWriter, value: string | number | bigint | null): void {
  if (value === null) {
    writer.u32(0);
    return;
  }
  const bytes = IpAddress.toBytes(IpAddress.parse(String(value)));
  writer.u32(bytes.length === 4 ? 1 : 2).bytes(bytes);
}

function writeOpaque(writer: ByteWriter, bytes: Uint8Array): void {
  writer.u32(bytes.length).bytes(padded(createByteWriter().bytes(bytes)));
}

function float32(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return new Uint8Array(view.buffer);
}

/** XDR pads to 4 bytes. */
function padded(writer: ByteWriter): Uint8Array {
  const bytes = writer.finish();
  return writer.bytes(new Uint8Array(-bytes.length & 3)).finish();
}
