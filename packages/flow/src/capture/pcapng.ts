import type { ByteSource } from "./byte-source.ts";
import { brokenCapture, type CapturedPacket, MOST_PACKET_BYTES, viewOf } from "./packet.ts";

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const OLD_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const BYTE_ORDER = 0x1a2b3c4d;
const OPTION_TIME_RESOLUTION = 9;
const OPTION_TIME_OFFSET = 14;

interface Interface {
  readonly linkType: number;
  readonly snapLength: number;
  /** Units of a packet's time in one second. */
  readonly perSecond: bigint;
  readonly offsetSeconds: bigint;
}

interface Block {
  readonly type: number;
  /** Without type and both lengths. */
  readonly body: DataView;
  readonly little: boolean;
  readonly offset: number;
}

/** How a file begins, if it is a pcapng file: draft-ietf-opsawg-pcapng section 4.1. */
export function isPcapng(magic: DataView): boolean {
  return magic.getUint32(0) === SECTION_HEADER;
}

/** The packets behind a pcapng file's first 4 bytes. Blocks other than those of packets and interfaces are passed over. */
export async function* readPcapng(source: ByteSource): AsyncGenerator<CapturedPacket> {
  let interfaces: Interface[] = [];
  let block = await readSection(source, source.offset - 4);
  for (;;) {
    if (block.type === SECTION_HEADER) interfaces = [];
    if (block.type === INTERFACE_DESCRIPTION) interfaces.push(readInterface(block));
    const packet = readPacketBlock(block, interfaces);
    if (packet !== undefined) yield packet;
    const next = await readBlock(source, block.little);
    if (next === undefined) return;
    block = next;
  }
}

/** A section says the byte order of all blocks up to the next section. Its type has been taken. */
async function readSection(source: ByteSource, offset: number): Promise<Block> {
  const head = viewOf(await source.take(8));
  if (head.byteLength < 8) throw brokenCapture(offset, "the file ends inside a section header");
  const little = head.getUint32(4, true) === BYTE_ORDER;
  if (!little && head.getUint32(4) !== BYTE_ORDER)
    throw brokenCapture(offset, "a section without byte order: this is no pcapng file, or a broken one");
  const length = head.getUint32(0, little);
  await takeBody(source, length - 16, offset);
  return { type: SECTION_HEADER, body: viewOf(new Uint8Array()), little, offset };
}

async function readBlock(source: ByteSource, little: boolean): Promise<Block | undefined> {
  const { offset } = source;
  const first = viewOf(await source.take(4));
  if (first.byteLength === 0) return undefined;
  if (first.byteLength === 4 && first.getUint32(0) === SECTION_HEADER) return readSection(source, offset);
  const second = viewOf(await source.take(4));
  if (second.byteLength < 4) throw brokenCapture(offset, "the file ends inside a block; the ones before are whole");
  const body = await takeBody(source, second.getUint32(0, little) - 12, offset);
  return { type: first.getUint32(0, little), body, little, offset };
}

/** The body, and the length that is repeated behind it. */
async function takeBody(source: ByteSource, length: number, offset: number): Promise<DataView> {
  if (length < 0 || length % 4 !== 0 || length > 2 * MOST_PACKET_BYTES) {
    throw brokenCapture(offset, `a block of ${length + 12} bytes: this is no pcapng file, or a broken one`);
  }
  const body = await source.take(length);
  const tail = await source.take(4);
  if (tail.length < 4) throw brokenCapture(offset, "the file ends inside a block; the ones before are whole");
  return viewOf(body);
}

function readInterface({ body, little, offset }: Block): Interface {
  if (body.byteLength < 8) throw brokenCapture(offset, "an interface description of less than 20 bytes");
  let perSecond = 1_000_000n;
  let offsetSeconds = 0n;
  for (let at = 8; at + 4 <= body.byteLength; ) {
    const code = body.getUint16(at, little);
    const length = body.getUint16(at + 2, little);
    if (code === 0 || at + 4 + length > body.byteLength) break;
    if (code === OPTION_TIME_RESOLUTION && length === 1) perSecond = resolutionOf(body.getUint8(at + 4));
    if (code === OPTION_TIME_OFFSET && length === 8) offsetSeconds = body.getBigInt64(at + 4, little);
    at += 4 + ((length + 3) & ~3);
  }
  return { linkType: body.getUint16(0, little), snapLength: body.getUint32(4, little), perSecond, offsetSeconds };
}

/** `if_tsresol`: a power of 2 when the high bit is set, else of 10. */
function resolutionOf(value: number): bigint {
  const power = BigInt(value & 0x7f);
  return (value & 0x80) === 0 ? 10n ** power : 2n ** power;
}

function readPacketBlock(block: Block, interfaces: readonly Interface[]): CapturedPacket | undefined {
  switch (block.type) {
    case ENHANCED_PACKET:
    case OLD_PACKET:
      return readTimedPacket(block, interfaces);
    case SIMPLE_PACKET:
      return readSimplePacket(block, interfaces);
    default:
      return undefined;
  }
}

/** The enhanced packet block, and its obsolete forerunner with an interface number of 16 bits. */
function readTimedPacket({ type, body, little, offset }: Block, interfaces: readonly Interface[]): CapturedPacket {
  if (body.byteLength < 20) throw brokenCapture(offset, "a packet block of less than 32 bytes");
  const index = type === OLD_PACKET ? body.getUint16(0, little) : body.getUint32(0, little);
  const face = interfaceOf(interfaces, index, offset);
  const length = body.getUint32(12, little);
  if (length > body.byteLength - 20) throw brokenCapture(offset, `a packet of ${length} bytes in a shorter block`);
  const units = (BigInt(body.getUint32(4, little)) << 32n) | BigInt(body.getUint32(8, little));
  const { perSecond, offsetSeconds } = face;
  const time = {
    seconds: Number(units / perSecond + offsetSeconds),
    nanoseconds: Number(((units % perSecond) * 1_000_000_000n) / perSecond),
  };
  const bytes = bytesOf(body, 20, length);
  return { time, linkType: face.linkType, bytes, originalLength: body.getUint32(16, little), offset };
}

function readSimplePacket({ body, little, offset }: Block, interfaces: readonly Interface[]): CapturedPacket {
  if (body.byteLength < 4) throw brokenCapture(offset, "a packet block of less than 16 bytes");
  const { linkType, snapLength } = interfaceOf(interfaces, 0, offset);
  const originalLength = body.getUint32(0, little);
  const kept = Math.min(originalLength, body.byteLength - 4, snapLength === 0 ? Number.POSITIVE_INFINITY : snapLength);
  return { linkType, bytes: bytesOf(body, 4, kept), originalLength, offset };
}

function interfaceOf(interfaces: readonly Interface[], index: number, offset: number): Interface {
  const face = interfaces[index];
  if (face === undefined) throw brokenCapture(offset, `a packet of interface ${index}, which no block describes`);
  return face;
}

function bytesOf(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}
