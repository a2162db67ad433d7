import type { PacketDescription } from "../describe/packet.ts";
import type { RecordFields } from "../describe/record.ts";
import { longV6, plainMac, type SflowtoolLine, text } from "./sflowtool-line.ts";

/** The headers of a sampled packet: the fields that sflowtool makes of record 1. */
export function sayHeader(packet: PacketDescription, fields: RecordFields): SflowtoolLine {
  const header = text(fields.header);
  const tags = packet.vlans ?? [];
  const ipAt = (packet.ethernet === undefined ? 0 : 14) + 4 * tags.length;
  const [tag] = tags;
  return {
    flowSampleType: "HEADER",
    headerProtocol: text(fields.protocol),
    sampledPacketSize: text(fields.frameLength),
    strippedBytes: text(fields.stripped),
    headerLen: String(header.length / 2),
    headerBytes: (header.match(/../g) ?? []).join("-").toUpperCase(),
    ...(packet.ethernet === undefined
      ? {}
      : {
          dstMAC: plainMac(packet.ethernet.destination),
          srcMAC: plainMac(packet.ethernet.source),
          ethernet_type: String(packet.ethernet.type),
        }),
    ...(tag === undefined ? {} : { decodedVLAN: String(tag.id), decodedPriority: String(tag.priority) }),
    ...sayIp(packet, Number(fields.frameLength) - Number(fields.stripped) - ipAt),
  };
}

function sayIp(packet: PacketDescription, size: number): SflowtoolLine {
  const { ip } = packet;
  if (ip === undefined) return {};
  const common = {
    IPSize: String(size),
    IPTOS: String(ip.tos),
    IPTTL: String(ip.ttl),
    IPProtocol: String(ip.protocol),
  };
  if (ip.version === 4) {
    return {
      ...common,
      "ip.tot_len": String(ip.length),
      srcIP: ip.source,
      dstIP: ip.destination,
      IPID: String(swap16(ip.identification ?? 0)),
      ...sayTransport(packet),
      ...(packet.icmp === undefined ? {} : { ICMPType: String(packet.icmp.type), ICMPCode: String(packet.icmp.code) }),
    };
  }
  return {
    ...common,
    IP6_label: `0x${(ip.flowLabel ?? 0).toString(16)}`,
    IPV6_payloadLen: String(ip.length),
    srcIP6: longV6(ip.source),
    dstIP6: longV6(ip.destination),
    ...sayTransport(packet),
  };
}

function sayTransport({ tcp, udp }: PacketDescription): SflowtoolLine {
  if (tcp !== undefined) {
    return {
      TCPSrcPort: String(tcp.sourcePort),
      TCPDstPort: String(tcp.destinationPort),
      TCPFlags: String(tcp.flags),
    };
  }
  if (udp === undefined) return {};
  return { UDPSrcPort: String(udp.sourcePort), UDPDstPort: String(udp.destinationPort), UDPBytes: String(udp.length) };
}

/** sflowtool prints the identification in the order of its machine's bytes. */
function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}
