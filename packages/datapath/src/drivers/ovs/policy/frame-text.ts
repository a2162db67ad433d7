import { IpAddress } from "@holdfast/core";

const ETHERNET = 14;
const IPV6 = 40;
const PROTOCOLS: Readonly<Record<number, string>> = { 1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6", 132: "SCTP" };

/**
 * An untagged frame as the kernel's log writes it, e.g. `"SRC=10.20.0.5 DST=10.20.0.6 LEN=60 PROTO=TCP SPT=40000 DPT=80"`; what it is cut short
 * of is left out, and behind extension headers of IPv6 nothing is looked for.
 */
export function frameText(frame: Uint8Array): string {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  const packet = bytes.subarray(ETHERNET);
  const version = (packet[0] ?? 0) >> 4;
  if (version === 4 && packet.length >= 20) return v4Text(packet);
  if (version === 6 && packet.length >= IPV6) return v6Text(packet);
  return `LEN=${packet.length}`;
}

function v4Text(packet: Buffer): string {
  const header = ((packet[0] ?? 0) & 0xf) * 4;
  const isFirst = (packet.readUInt16BE(6) & 0x1fff) === 0;
  const ends = `SRC=${address(packet, 12, 4)} DST=${address(packet, 16, 4)} LEN=${packet.readUInt16BE(2)}`;
  return `${ends} ${payloadText(packet[9] ?? 0, isFirst ? packet.subarray(header) : Buffer.alloc(0))}`;
}

function v6Text(packet: Buffer): string {
  const ends = `SRC=${address(packet, 8, 16)} DST=${address(packet, 24, 16)} LEN=${packet.readUInt16BE(4) + IPV6}`;
  return `${ends} ${payloadText(packet[6] ?? 0, packet.subarray(IPV6))}`;
}

function payloadText(protocol: number, payload: Buffer): string {
  const name = `PROTO=${PROTOCOLS[protocol] ?? protocol}`;
  if ((protocol === 1 || protocol === 58) && payload.length >= 2)
    return `${name} TYPE=${payload[0]} CODE=${payload[1]}`;
  const hasPorts = (protocol === 6 || protocol === 17 || protocol === 132) && payload.length >= 4;
  return hasPorts ? `${name} SPT=${payload.readUInt16BE(0)} DPT=${payload.readUInt16BE(2)}` : name;
}

function address(packet: Buffer, start: number, bytes: number): IpAddress {
  return IpAddress.fromBytes(packet.subarray(start, start + bytes));
}
