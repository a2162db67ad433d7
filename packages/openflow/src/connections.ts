import { IpAddress } from "@holdfast/core";
import type { Match } from "./flow.ts";
import type { ByteWriter } from "./wire.ts";

/** One connection of a zone, as whoever began it sent its first packet. */
export interface ConnectionTuple {
  readonly zone: number;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** IP protocol number. */
  readonly protocol: number;
  /** Of TCP, UDP and SCTP. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** Of ICMP and ICMPv6. */
  readonly icmp?: { readonly id: number; readonly type: number; readonly code: number };
}

const STATES = { new: 0x01, est: 0x02, rel: 0x04, rpl: 0x08, inv: 0x10, trk: 0x20 } as const;
type ConnectionFlag = keyof typeof STATES;

/** A match on what connection tracking knows, e.g. `connectionState("+trk", "+new")`; of tracked packets only. */
export function connectionState(...wanted: readonly `${"+" | "-"}${ConnectionFlag}`[]): NonNullable<Match["ctState"]> {
  let [value, mask] = [0, 0];
  for (const each of wanted) {
    const bit = STATES[each.slice(1) as ConnectionFlag];
    mask |= bit;
    if (each.startsWith("+")) value |= bit;
  }
  return { value, mask };
}

/** TCP packets that do not begin a connection. */
export const NOT_SYN = { value: 0, mask: 0x02 } as const;

const Tuple = { source: 0, destination: 1, sourcePort: 2, destinationPort: 3, icmpId: 4, icmpType: 5, icmpCode: 6 };
const Part = { original: 0, zone: 2 };

/** All connections of a zone. */
export interface WholeZone {
  readonly zone: number;
}

/** What follows the subtype of NXT_CT_FLUSH (ofp-ct.c of Open vSwitch): protocol, then TLVs, each of a multiple of 8 bytes. */
export function writeConnections(writer: ByteWriter, which: ConnectionTuple | WholeZone): void {
  writer.u8("protocol" in which ? which.protocol : 0).zeros(7);
  if ("protocol" in which) writeTuple(writer, which);
  number16(writer, Part.zone, which.zone);
}

function writeTuple(writer: ByteWriter, tuple: ConnectionTuple): void {
  const { source, destination, sourcePort, destinationPort, icmp } = tuple;
  const start = writer.length;
  writer.u16(Part.original).u16(0).zeros(4);
  address(writer, Tuple.source, source);
  address(writer, Tuple.destination, destination);
  if (icmp === undefined) {
    number16(writer, Tuple.sourcePort, sourcePort ?? 0);
    number16(writer, Tuple.destinationPort, destinationPort ?? 0);
  } else {
    number16(writer, Tuple.icmpId, icmp.id);
    number8(writer, Tuple.icmpType, icmp.type);
    number8(writer, Tuple.icmpCode, icmp.code);
  }
  writer.patch16(start + 2, writer.length - start);
}

/** IPv4 as mapped into IPv6. */
function address(writer: ByteWriter, type: number, value: IpAddress): void {
  writer.u16(type).u16(20);
  if (IpAddress.family(value) === "v4") writer.zeros(10).u16(0xffff).wide(IpAddress.toBigInt(value), 4);
  else writer.wide(IpAddress.toBigInt(value), 16);
  writer.zeros(4);
}

function number16(writer: ByteWriter, type: number, value: number): void {
  writer.u16(type).u16(8).u16(value).zeros(2);
}

function number8(writer: ByteWriter, type: number, value: number): void {
  writer.u16(type).u16(5).u8(value).zeros(3);
}
