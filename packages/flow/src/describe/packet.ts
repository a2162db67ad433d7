import { IpAddress, MacAddress } from "@holdfast/core";
import {
  ARP,
  ETHERNET,
  FRAGMENT,
  ICMP,
  IPV4,
  IPV6,
  KEY_DESTINATION,
  KEY_DESTINATION_MAC,
  KEY_DESTINATION_PORT,
  KEY_ETHER_TYPE,
  KEY_FLAGS,
  KEY_IDENTIFICATION,
  KEY_INNER_VLAN,
  KEY_LENGTH,
  KEY_MPLS_LABEL,
  KEY_PROTOCOL,
  KEY_SOURCE,
  KEY_SOURCE_MAC,
  KEY_SOURCE_PORT,
  KEY_TCP_FLAGS,
  KEY_TOS,
  KEY_TTL,
  KEY_TUNNEL,
  KEY_TUNNEL_ID,
  KEY_UDP_LENGTH,
  KEY_VLAN,
  KEY_WORDS,
  MALFORMED,
  MPLS,
  PORTS,
  QINQ,
  TRUNCATED,
  TUNNEL_GENEVE,
  TUNNEL_GRE,
  TUNNEL_ID,
  TUNNEL_IP,
  TUNNEL_VXLAN,
  VLAN,
} from "../packet/key.ts";

/** What a packet's headers say. What is absent the packet does not have, or the sample ends before it. */
export interface PacketDescription {
  readonly ethernet?: { readonly source: MacAddress; readonly destination: MacAddress; readonly type: number };
  /** Outermost first; more than two are not told. */
  readonly vlans?: readonly { readonly id: number; readonly priority: number }[];
  readonly mplsLabel?: number;
  readonly arp?: { readonly operation: number; readonly sender: IpAddress; readonly target: IpAddress };
  readonly ip?: IpDescription;
  readonly tcp?: { readonly sourcePort: number; readonly destinationPort: number; readonly flags: number };
  readonly udp?: { readonly sourcePort: number; readonly destinationPort: number; readonly length: number };
  /** Of other protocols that have ports: DCCP, SCTP, UDP-Lite. */
  readonly ports?: { readonly source: number; readonly destination: number };
  readonly icmp?: { readonly type: number; readonly code: number };
  readonly tunnel?: {
    readonly kind: "vxlan" | "geneve" | "gre" | "ip";
    /** VNI, or key of GRE. Absent: it has none. */
    readonly id?: number;
    readonly inner: PacketDescription;
  };
  /** The sample ends inside the headers. */
  readonly truncated?: true;
  /** A header contradicts itself. */
  readonly malformed?: true;
}

export interface IpDescription {
  readonly version: 4 | 6;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: number;
  /** Type of service or traffic class. */
  readonly tos: number;
  readonly ttl: number;
  /** IPv4: of the whole packet; IPv6: of the payload. */
  readonly length: number;
  /** IPv4. */
  readonly identification?: number;
  /** IPv6. */
  readonly flowLabel?: number;
  /** A fragment other than the first. */
  readonly fragment?: true;
}

/** Says in words what a key says in numbers. */
export function describePacket(words: Uint32Array, key: number): PacketDescription {
  const flags = at(words, key + KEY_FLAGS);
  return {
    ...(flags & ETHERNET ? { ethernet: ethernetOf(words, key) } : {}),
    ...(flags & VLAN ? { vlans: vlansOf(words, key, flags) } : {}),
    ...(flags & MPLS ? { mplsLabel: at(words, key + KEY_MPLS_LABEL) } : {}),
    ...(flags & ARP ? { arp: arpOf(words, key) } : {}),
    ...(flags & (IPV4 | IPV6) ? { ip: ipOf(words, key, flags) } : {}),
    ...(flags & PORTS ? portsOf(words, key) : {}),
    ...(flags & ICMP
      ? { icmp: { type: at(words, key + KEY_SOURCE_PORT), code: at(words, key + KEY_DESTINATION_PORT) } }
      : {}),
    ...tunnelOf(words, key, flags),
    ...(flags & TRUNCATED ? { truncated: true } : {}),
    ...(flags & MALFORMED ? { malformed: true } : {}),
  };
}

const at = (words: Uint32Array, index: number): number => words[index] ?? 0;

function ethernetOf(words: Uint32Array, key: number) {
  return {
    source: macOf(words, key + KEY_SOURCE_MAC),
    destination: macOf(words, key + KEY_DESTINATION_MAC),
    type: at(words, key + KEY_ETHER_TYPE),
  };
}

function vlansOf(words: Uint32Array, key: number, flags: number) {
  const tags = flags & QINQ ? [KEY_VLAN, KEY_INNER_VLAN] : [KEY_VLAN];
  return tags
    .map((place) => at(words, key + place))
    .map((control) => ({ id: control & 0xfff, priority: control >>> 13 }));
}

function arpOf(words: Uint32Array, key: number) {
  return {
    operation: at(words, key + KEY_PROTOCOL),
    sender: IpAddress.fromV4Number(at(words, key + KEY_SOURCE + 3)),
    target: IpAddress.fromV4Number(at(words, key + KEY_DESTINATION + 3)),
  };
}

function ipOf(words: Uint32Array, key: number, flags: number): IpDescription {
  const isV4 = (flags & IPV4) !== 0;
  const family = isV4 ? 4 : 6;
  const identification = at(words, key + KEY_IDENTIFICATION);
  return {
    version: family,
    source: addressOf(words, key + KEY_SOURCE, family),
    destination: addressOf(words, key + KEY_DESTINATION, family),
    protocol: at(words, key + KEY_PROTOCOL),
    tos: at(words, key + KEY_TOS),
    ttl: at(words, key + KEY_TTL),
    length: at(words, key + KEY_LENGTH),
    ...(isV4 ? { identification } : { flowLabel: identification }),
    ...(flags & FRAGMENT ? { fragment: true } : {}),
  };
}

function portsOf(words: Uint32Array, key: number): Pick<PacketDescription, "tcp" | "udp" | "ports"> {
  const source = at(words, key + KEY_SOURCE_PORT);
  const destination = at(words, key + KEY_DESTINATION_PORT);
  switch (at(words, key + KEY_PROTOCOL)) {
    case 6:
      return { tcp: { sourcePort: source, destinationPort: destination, flags: at(words, key + KEY_TCP_FLAGS) } };
    case 17:
      return { udp: { sourcePort: source, destinationPort: destination, length: at(words, key + KEY_UDP_LENGTH) } };
    default:
      return { ports: { source, destination } };
  }
}

const TUNNELS = { [TUNNEL_VXLAN]: "vxlan", [TUNNEL_GENEVE]: "geneve", [TUNNEL_GRE]: "gre", [TUNNEL_IP]: "ip" } as const;

function tunnelOf(words: Uint32Array, key: number, flags: number): Pick<PacketDescription, "tunnel"> {
  const kind = TUNNELS[at(words, key + KEY_TUNNEL) as keyof typeof TUNNELS];
  if (kind === undefined) return {};
  const id = flags & TUNNEL_ID ? { id: at(words, key + KEY_TUNNEL_ID) } : {};
  return { tunnel: { kind, ...id, inner: describePacket(words, key + KEY_WORDS) } };
}

/** A MAC of two words: the high 16 bits, the low 32. */
export function macOf(words: Uint32Array, index: number): MacAddress {
  const [high, low] = [at(words, index), at(words, index + 1)];
  return MacAddress.fromBytes(Uint8Array.of(high >>> 8, high, low >>> 24, low >>> 16, low >>> 8, low));
}

/** An address of four words, where IPv4 is in the last one. */
export function addressOf(words: Uint32Array, index: number, family: 4 | 6): IpAddress {
  if (family === 4) return IpAddress.fromV4Number(at(words, index + 3));
  const view = new DataView(new ArrayBuffer(16));
  for (let word = 0; word < 4; word++) view.setUint32(4 * word, at(words, index + word));
  return IpAddress.fromBytes(new Uint8Array(view.buffer));
}
