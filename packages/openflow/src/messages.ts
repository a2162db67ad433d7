import { HoldfastError } from "@holdfast/core";
import { writeActions, writeInstructions } from "./action-codec.ts";
import { type ConnectionTuple, type WholeZone, writeConnections } from "./connections.ts";
import type { Action, Flow, FlowKey } from "./flow.ts";
import { writeMatch } from "./match-codec.ts";
import { type Meter, writeMeterBand } from "./meter.ts";
import {
  ANY,
  AsyncEvents,
  BUNDLE_FLAGS,
  FlowCommand,
  LONGEST_MESSAGE,
  MessageType,
  MeterCommand,
  Multipart,
  NICIRA,
  NiciraMessage,
  VERSION,
} from "./protocol.ts";
import { ByteWriter } from "./wire.ts";

const NO_COOKIE = 0n;

/** OFPCML_NO_BUFFER. */
const WHOLE_PACKETS = 0xffff;

/** Where the header has its transaction id. */
const XID_OFFSET = 4;

/** OFPP_CONTROLLER: the "port" that packets of a controller come from. */
const CONTROLLER_PORT = 0xffff_fffd;

/** What OFPT_BUNDLE_ADD_MESSAGE puts before a message. */
const BUNDLE_ENVELOPE = 16;

/** One message: header (OpenFlow 1.4 section 7.1.1), then what `body` writes. */
function message(type: number, xid: number, body: (writer: ByteWriter) => void = () => {}): Buffer {
  const writer = new ByteWriter();
  writer.u8(VERSION).u8(type).u16(0).u32(xid);
  try {
    body(writer);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new HoldfastError("invalid_argument", `a number does not fit its OpenFlow field: ${error.message}`);
  }
  const longest = type === MessageType.flowMod ? LONGEST_MESSAGE - BUNDLE_ENVELOPE : LONGEST_MESSAGE;
  if (writer.length > longest) {
    throw new HoldfastError("invalid_argument", `${writer.length} bytes do not fit one OpenFlow message of ${longest}`);
  }
  writer.patch16(2, writer.length);
  return writer.finish();
}

/** Hello with one element, the bitmap of versions: bit 5 is OpenFlow 1.4 (section 7.5.1). */
export function hello(xid: number): Buffer {
  return message(MessageType.hello, xid, (writer) => {
    writer
      .u16(1)
      .u16(8)
      .u32(1 << VERSION);
  });
}

export function echoRequest(xid: number): Buffer {
  return message(MessageType.echoRequest, xid);
}

export function echoReply(xid: number, payload: Buffer): Buffer {
  return message(MessageType.echoReply, xid, (writer) => void writer.bytes(payload));
}

/**
 * OFPC_FRAG_NX_MATCH (ovs-ofctl(8), set-frags): flows see the ports and types of a first fragment. Else it has none, and passes flows that drop what is for a
 * port; what remains of a datagram without its first fragment is nothing.
 */
const FIRST_FRAGMENT_HAS_PORTS = 3;

/**
 * OFPT_SET_CONFIG (section 7.3.2). Open vSwitch sends a management connection nothing of itself, also not what flows send to the controller,
 * unless its miss_send_len is not zero. It forgets all of it when it ends.
 */
export function setConfig(xid: number, { packets }: { readonly packets: boolean }): Buffer {
  return message(MessageType.setConfig, xid, (writer) => {
    writer.u16(FIRST_FRAGMENT_HAS_PORTS).u16(packets ? WHOLE_PACKETS : 0);
  });
}

/** That is all: ports and flows are known without (OFPT_SET_ASYNC, section 7.3.10). */
export function wantNothingElse(xid: number): Buffer {
  return message(MessageType.setAsync, xid, (writer) => {
    for (const property of Object.values(AsyncEvents)) writer.u16(property).u16(8).u32(0);
  });
}

export function barrierRequest(xid: number): Buffer {
  return message(MessageType.barrierRequest, xid);
}

/**
 * Adds a flow, or replaces the one with its key (section 7.3.4.2).
 *
 * Without OFPFF_RESET_COUNTS: Open vSwitch keeps that flag with the flow and would print it in every dump.
 */
export function addFlow(flow: Flow): Buffer {
  return message(MessageType.flowMod, 0, (writer) => {
    writeFlowMod(writer, flow, { command: FlowCommand.add, cookie: flow.cookie });
    writeInstructions(writer, flow.actions);
  });
}

/** Removes exactly the flow with this key, if there is one. */
export function deleteFlow(key: FlowKey): Buffer {
  return message(MessageType.flowMod, 0, (writer) => {
    writeFlowMod(writer, key, { command: FlowCommand.deleteStrict, cookie: NO_COOKIE });
  });
}

function writeFlowMod(
  writer: ByteWriter,
  key: FlowKey,
  fixed: { readonly command: number; readonly cookie: bigint },
): void {
  writer.u64(fixed.cookie).u64(NO_COOKIE).u8(key.table).u8(fixed.command);
  // No idle and no hard timeout; no buffer; any output port and group; no flags, importance 0.
  writer.u16(0).u16(0).u16(key.priority).u32(ANY).u32(ANY).u32(ANY).u16(0).u16(0);
  writeMatch(writer, key.match);
}

/** OFPT_BUNDLE_CONTROL (section 7.3.9.2). */
export function bundleControl(xid: number, bundle: number, type: number): Buffer {
  return message(MessageType.bundleControl, xid, (writer) => void writer.u32(bundle).u16(type).u16(BUNDLE_FLAGS));
}

/** OFPT_BUNDLE_ADD_MESSAGE around a message, which gets the same xid as the rule wants (section 7.3.9.6). */
export function bundleAdd(xid: number, bundle: number, inner: Buffer): Buffer {
  inner.writeUInt32BE(xid, XID_OFFSET);
  return message(MessageType.bundleAdd, xid, (writer) => void writer.u32(bundle).u16(0).u16(BUNDLE_FLAGS).bytes(inner));
}

/** OFPMP_FLOW of all tables, all output ports and groups (section 7.3.5.2). */
export function flowStatsRequest(xid: number, cookie: bigint, mask: bigint): Buffer {
  return message(MessageType.multipartRequest, xid, (writer) => {
    writer.u16(Multipart.flow).u16(0).zeros(4);
    writer.u8(0xff).zeros(3).u32(ANY).u32(ANY).zeros(4).u64(cookie).u64(mask);
    writeMatch(writer, {});
  });
}

/** OFPT_METER_MOD (section 7.3.4.5). */
export function meterMod(xid: number, command: "add" | "modify", meter: Meter): Buffer {
  return message(MessageType.meterMod, xid, (writer) => {
    writer.u16(MeterCommand[command]);
    writeMeterBand(writer, meter);
  });
}

export function deleteMeter(xid: number, id: number): Buffer {
  return message(MessageType.meterMod, xid, (writer) => void writer.u16(MeterCommand.delete).u16(0).u32(id));
}

/** OFPMP_METER_CONFIG of all meters (section 7.3.5.12). */
export function meterConfigRequest(xid: number): Buffer {
  return message(
    MessageType.multipartRequest,
    xid,
    (writer) => void writer.u16(Multipart.meterConfig).u16(0).zeros(4).u32(ANY).zeros(4),
  );
}

/** NXT_CT_FLUSH (nicira-ext.h of Open vSwitch 3.1): what `ovs-ofctl ct-flush` sends. */
export function flushConnection(xid: number, which: ConnectionTuple | WholeZone): Buffer {
  return message(MessageType.experimenter, xid, (writer) => {
    writer.u32(NICIRA).u32(NiciraMessage.flushConnections);
    writeConnections(writer, which);
  });
}

/** OFPMP_PORT_DESCRIPTION (section 7.3.5.7). */
export function portDescriptionRequest(xid: number): Buffer {
  return message(
    MessageType.multipartRequest,
    xid,
    (writer) => void writer.u16(Multipart.portDescription).u16(0).zeros(4),
  );
}

/** OFPT_PACKET_OUT (section 7.3.6). */
export function packetOut(
  xid: number,
  packet: { readonly frame: Uint8Array; readonly actions: readonly Action[]; readonly inPort?: number },
): Buffer {
  return message(MessageType.packetOut, xid, (writer) => {
    writer.u32(ANY).u32(packet.inPort ?? CONTROLLER_PORT);
    const lengthAt = writer.length;
    writer.u16(0).zeros(6);
    const start = writer.length;
    writeActions(writer, packet.actions);
    writer.patch16(lengthAt, writer.length - start);
    writer.bytes(packet.frame);
  });
}
