import { HoldfastError } from "@holdfast/core";
import { readInstructions } from "./action-codec.ts";
import { niciraErrorName, standardErrorName } from "./error-names.ts";
import { readMatch } from "./match-codec.ts";
import { NICIRA, REPLY_MORE } from "./protocol.ts";
import type { ObservedFlow, PacketIn, SwitchPort } from "./switch.ts";
import { ByteReader } from "./wire.ts";

/** One message from the switch, cut at its header. */
export interface Reply {
  readonly version: number;
  readonly type: number;
  readonly xid: number;
  /** What follows the header. */
  readonly body: Buffer;
}

const HEADER = 8;

/** Cuts a stream of bytes into messages. */
export class Deframer {
  #rest: Buffer = Buffer.alloc(0);

  /**
   * The messages that are complete with this chunk.
   *
   * @throws HoldfastError `unavailable`: the stream cannot be cut any further.
   */
  push(chunk: Buffer): Reply[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const replies: Reply[] = [];
    let offset = 0;
    while (bytes.length - offset >= HEADER) {
      const length = bytes.readUInt16BE(offset + 2);
      if (length < HEADER)
        throw new HoldfastError("unavailable", `an OpenFlow message has 8 bytes or more, not ${length}`);
      if (bytes.length - offset < length) break;
      replies.push({
        version: bytes.readUInt8(offset),
        type: bytes.readUInt8(offset + 1),
        xid: bytes.readUInt32BE(offset + 4),
        body: bytes.subarray(offset + HEADER, offset + length),
      });
      offset += length;
    }
    this.#rest = bytes.subarray(offset);
    return replies;
  }
}

const EXPERIMENTER_ERROR = 0xffff;

/** The name in an OFPT_ERROR (OpenFlow 1.4 section 7.4.4). */
export function readErrorName(body: Buffer): string {
  const reader = new ByteReader(body);
  const [type, code] = [reader.u16(), reader.u16()];
  if (type !== EXPERIMENTER_ERROR) return standardErrorName(type, code);
  return reader.u32() === NICIRA ? niciraErrorName(code) : `experimenter error ${code}`;
}

/** The bundle control type of an OFPT_BUNDLE_CONTROL reply. */
export function readBundleControlType(body: Buffer): number {
  const reader = new ByteReader(body);
  reader.skip(4);
  return reader.u16();
}

/** Takes the multipart header off: whether more parts follow, and the part itself. */
export function readMultipart(body: Buffer): { readonly more: boolean; readonly part: ByteReader } {
  const reader = new ByteReader(body);
  reader.skip(2);
  const more = (reader.u16() & REPLY_MORE) !== 0;
  reader.skip(4);
  return { more, part: reader };
}

/** The `ofp_flow_stats` of one part (OpenFlow 1.4 section 7.3.5.2). */
export function readFlowStats(part: ByteReader): ObservedFlow[] {
  const flows: ObservedFlow[] = [];
  while (part.remaining > 0) {
    const length = part.u16();
    const reader = part.slice(length - 2);
    const table = reader.u8();
    reader.skip(1 + 4 + 4);
    const priority = reader.u16();
    reader.skip(2 + 2 + 2 + 2 + 2);
    const [cookie, packets, bytes] = [reader.u64(), reader.u64(), reader.u64()];
    const match = readMatch(reader);
    flows.push({ flow: { table, priority, match, cookie, actions: readInstructions(reader) }, packets, bytes });
  }
  return flows;
}

/** An OFPT_PACKET_IN (OpenFlow 1.4 section 7.4.1). */
export function readPacketIn(body: Buffer): PacketIn {
  const reader = new ByteReader(body);
  reader.skip(4 + 2 + 1 + 1);
  const cookie = reader.u64();
  const match = readMatch(reader);
  reader.skip(2);
  return { cookie, match, frame: reader.bytes(reader.remaining) };
}

/** The `ofp_port` of one part (OpenFlow 1.4 section 7.2.1). */
export function readPorts(part: ByteReader): SwitchPort[] {
  const ports: SwitchPort[] = [];
  while (part.remaining > 0) {
    const number = part.u32();
    const length = part.u16();
    const reader = part.slice(length - 6);
    reader.skip(2 + 6 + 2);
    const [name = ""] = reader.bytes(16).toString("latin1").split("\0", 1);
    ports.push({ number, name });
  }
  return ports;
}
