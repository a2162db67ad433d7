import type { FieldName } from "./flow.ts";

/** How ovs-ofctl writes a field's value (meta-flow.h, "Formatting"). */
export type FieldStyle = "decimal" | "hexadecimal" | "ethernet" | "ipv4" | "ipv6" | "port";

/** What a packet must be to have a field at all (ovs-fields(7), "Prerequisites"). */
export type Prerequisite =
  | "none"
  | "arp"
  | "ipv4"
  | "ipv6"
  | "ip"
  | "tcp"
  | "udp"
  | "sctp"
  | "icmpv4"
  | "icmpv6"
  | "nd"
  | "nd-solicit"
  | "nd-advert";

/** One packet or metadata field of Open vSwitch. */
export interface Field {
  /** The name that `set_field:…->` prints, e.g. `"arp_spa"`. */
  readonly name: string;
  /** The name that `move:` prints, e.g. `"NXM_OF_ARP_SPA"`: the NXM one where there is one. */
  readonly symbol: string;
  /** Bytes of the value on the wire. */
  readonly bytes: number;
  readonly style: FieldStyle;
  readonly needs: Prerequisite;
  /** The 32-bit header that we send: class, number, no mask, length (OpenFlow 1.4 section 7.2.3.2). */
  readonly header: number;
  /** Every header that means this field. */
  readonly headers: readonly number[];
}

/** Fields that only matches use. */
export type MatchFieldName =
  | "in_port_oxm"
  | "eth_type"
  | "vlan_vid"
  | "ip_proto"
  | "tcp_src"
  | "tcp_dst"
  | "udp_src"
  | "udp_dst"
  | "sctp_src"
  | "sctp_dst"
  | "tcp_flags"
  | "ct_state"
  | "ct_zone"
  | "ct_mark"
  | "conj_id"
  | "icmp_type"
  | "icmp_code";

const NXM_0 = 0x0000;
const NXM_1 = 0x0001;
const BASIC = 0x8000;
/** ERICOXM_OF_*, which Open vSwitch gives the class 0x1000. */
const ERICSSON = 0x1000;

type Id = readonly [oxmClass: number, number: number];

interface Row {
  readonly symbol: string;
  readonly bytes: number;
  readonly style: FieldStyle;
  readonly needs?: Prerequisite;
  /** Absent: the field exists only in the Nicira classes. */
  readonly oxm?: Id;
  readonly nxm?: Id;
  readonly name?: string;
}

/** From include/openvswitch/meta-flow.h of Open vSwitch 3.1. */
const ROWS: Readonly<Record<FieldName | MatchFieldName, Row>> = {
  in_port: { symbol: "NXM_OF_IN_PORT", bytes: 2, style: "port", nxm: [NXM_0, 0] },
  in_port_oxm: { symbol: "OXM_OF_IN_PORT", bytes: 4, style: "port", oxm: [BASIC, 0] },
  metadata: { symbol: "OXM_OF_METADATA", bytes: 8, style: "hexadecimal", oxm: [BASIC, 2] },
  tun_id: { symbol: "NXM_NX_TUN_ID", bytes: 8, style: "hexadecimal", nxm: [NXM_1, 16], oxm: [BASIC, 38] },
  tun_src: { symbol: "NXM_NX_TUN_IPV4_SRC", bytes: 4, style: "ipv4", nxm: [NXM_1, 31] },
  tun_dst: { symbol: "NXM_NX_TUN_IPV4_DST", bytes: 4, style: "ipv4", nxm: [NXM_1, 32] },
  tun_ipv6_src: { symbol: "NXM_NX_TUN_IPV6_SRC", bytes: 16, style: "ipv6", nxm: [NXM_1, 109] },
  tun_ipv6_dst: { symbol: "NXM_NX_TUN_IPV6_DST", bytes: 16, style: "ipv6", nxm: [NXM_1, 110] },
  reg0: register(0),
  reg1: register(1),
  reg2: register(2),
  reg3: register(3),
  reg4: register(4),
  reg5: register(5),
  reg6: register(6),
  reg7: register(7),
  reg8: register(8),
  reg9: register(9),
  reg10: register(10),
  reg11: register(11),
  reg12: register(12),
  reg13: register(13),
  reg14: register(14),
  reg15: register(15),
  xxreg2: { symbol: "NXM_NX_XXREG2", bytes: 16, style: "hexadecimal", nxm: [NXM_1, 113] },
  conj_id: { symbol: "NXM_NX_CONJ_ID", bytes: 4, style: "decimal", nxm: [NXM_1, 37] },
  ct_state: { symbol: "NXM_NX_CT_STATE", bytes: 4, style: "decimal", nxm: [NXM_1, 105] },
  ct_zone: { symbol: "NXM_NX_CT_ZONE", bytes: 2, style: "hexadecimal", nxm: [NXM_1, 106] },
  ct_mark: { symbol: "NXM_NX_CT_MARK", bytes: 4, style: "hexadecimal", nxm: [NXM_1, 107] },
  eth_dst: { symbol: "NXM_OF_ETH_DST", bytes: 6, style: "ethernet", nxm: [NXM_0, 1], oxm: [BASIC, 3] },
  eth_src: { symbol: "NXM_OF_ETH_SRC", bytes: 6, style: "ethernet", nxm: [NXM_0, 2], oxm: [BASIC, 4] },
  eth_type: { symbol: "NXM_OF_ETH_TYPE", bytes: 2, style: "hexadecimal", nxm: [NXM_0, 3], oxm: [BASIC, 5] },
  vlan_vid: { symbol: "OXM_OF_VLAN_VID", bytes: 2, style: "decimal", oxm: [BASIC, 6] },
  ip_proto: {
    symbol: "NXM_OF_IP_PROTO",
    name: "nw_proto",
    bytes: 1,
    style: "decimal",
    needs: "ip",
    nxm: [NXM_0, 6],
    oxm: [BASIC, 10],
  },
  ip_ttl: { symbol: "NXM_NX_IP_TTL", name: "nw_ttl", bytes: 1, style: "decimal", needs: "ip", nxm: [NXM_1, 29] },
  ip_dscp: {
    symbol: "OXM_OF_IP_DSCP",
    bytes: 1,
    style: "decimal",
    needs: "ip",
    oxm: [BASIC, 8],
  },
  ip_src: { symbol: "NXM_OF_IP_SRC", bytes: 4, style: "ipv4", needs: "ipv4", nxm: [NXM_0, 7], oxm: [BASIC, 11] },
  ip_dst: { symbol: "NXM_OF_IP_DST", bytes: 4, style: "ipv4", needs: "ipv4", nxm: [NXM_0, 8], oxm: [BASIC, 12] },
  ipv6_src: { symbol: "NXM_NX_IPV6_SRC", bytes: 16, style: "ipv6", needs: "ipv6", nxm: [NXM_1, 19], oxm: [BASIC, 26] },
  ipv6_dst: { symbol: "NXM_NX_IPV6_DST", bytes: 16, style: "ipv6", needs: "ipv6", nxm: [NXM_1, 20], oxm: [BASIC, 27] },
  tcp_src: { symbol: "NXM_OF_TCP_SRC", bytes: 2, style: "decimal", needs: "tcp", nxm: [NXM_0, 9], oxm: [BASIC, 13] },
  tcp_dst: { symbol: "NXM_OF_TCP_DST", bytes: 2, style: "decimal", needs: "tcp", nxm: [NXM_0, 10], oxm: [BASIC, 14] },
  udp_src: { symbol: "NXM_OF_UDP_SRC", bytes: 2, style: "decimal", needs: "udp", nxm: [NXM_0, 11], oxm: [BASIC, 15] },
  udp_dst: { symbol: "NXM_OF_UDP_DST", bytes: 2, style: "decimal", needs: "udp", nxm: [NXM_0, 12], oxm: [BASIC, 16] },
  sctp_src: { symbol: "OXM_OF_SCTP_SRC", bytes: 2, style: "decimal", needs: "sctp", oxm: [BASIC, 17] },
  sctp_dst: { symbol: "OXM_OF_SCTP_DST", bytes: 2, style: "decimal", needs: "sctp", oxm: [BASIC, 18] },
  tcp_flags: {
    symbol: "NXM_NX_TCP_FLAGS",
    bytes: 2,
    style: "decimal",
    needs: "tcp",
    nxm: [NXM_1, 34],
    oxm: [BASIC, 42],
  },
  icmp_type: {
    symbol: "NXM_OF_ICMP_TYPE",
    bytes: 1,
    style: "decimal",
    needs: "icmpv4",
    nxm: [NXM_0, 13],
    oxm: [BASIC, 19],
  },
  icmp_code: {
    symbol: "NXM_OF_ICMP_CODE",
    bytes: 1,
    style: "decimal",
    needs: "icmpv4",
    nxm: [NXM_0, 14],
    oxm: [BASIC, 20],
  },
  arp_op: { symbol: "NXM_OF_ARP_OP", bytes: 2, style: "decimal", needs: "arp", nxm: [NXM_0, 15], oxm: [BASIC, 21] },
  arp_spa: { symbol: "NXM_OF_ARP_SPA", bytes: 4, style: "ipv4", needs: "arp", nxm: [NXM_0, 16], oxm: [BASIC, 22] },
  arp_tpa: { symbol: "NXM_OF_ARP_TPA", bytes: 4, style: "ipv4", needs: "arp", nxm: [NXM_0, 17], oxm: [BASIC, 23] },
  arp_sha: { symbol: "NXM_NX_ARP_SHA", bytes: 6, style: "ethernet", needs: "arp", nxm: [NXM_1, 17], oxm: [BASIC, 24] },
  arp_tha: { symbol: "NXM_NX_ARP_THA", bytes: 6, style: "ethernet", needs: "arp", nxm: [NXM_1, 18], oxm: [BASIC, 25] },
  icmpv6_type: {
    symbol: "NXM_NX_ICMPV6_TYPE",
    bytes: 1,
    style: "decimal",
    needs: "icmpv6",
    nxm: [NXM_1, 21],
    oxm: [BASIC, 29],
  },
  icmpv6_code: {
    symbol: "NXM_NX_ICMPV6_CODE",
    bytes: 1,
    style: "decimal",
    needs: "icmpv6",
    nxm: [NXM_1, 22],
    oxm: [BASIC, 30],
  },
  nd_target: { symbol: "NXM_NX_ND_TARGET", bytes: 16, style: "ipv6", needs: "nd", nxm: [NXM_1, 23], oxm: [BASIC, 31] },
  nd_sll: {
    symbol: "NXM_NX_ND_SLL",
    bytes: 6,
    style: "ethernet",
    needs: "nd-solicit",
    nxm: [NXM_1, 24],
    oxm: [BASIC, 32],
  },
  nd_tll: {
    symbol: "NXM_NX_ND_TLL",
    bytes: 6,
    style: "ethernet",
    needs: "nd-advert",
    nxm: [NXM_1, 25],
    oxm: [BASIC, 33],
  },
  nd_reserved: {
    symbol: "ERICOXM_OF_ICMPV6_ND_RESERVED",
    bytes: 4,
    style: "decimal",
    needs: "nd",
    oxm: [ERICSSON, 1],
  },
  nd_options_type: {
    symbol: "ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE",
    bytes: 1,
    style: "decimal",
    needs: "nd",
    oxm: [ERICSSON, 2],
  },
};

function register(number: number): Row {
  return { symbol: `NXM_NX_REG${number}`, bytes: 4, style: "hexadecimal", nxm: [NXM_1, number] };
}

function fieldOf(name: string, row: Row): Field {
  const headers = [row.oxm, row.nxm]
    .filter((id) => id !== undefined)
    .map(([oxmClass, number]) => ((oxmClass << 16) | (number << 9) | row.bytes) >>> 0);
  return {
    name: row.name ?? name,
    symbol: row.symbol,
    bytes: row.bytes,
    style: row.style,
    needs: row.needs ?? "none",
    header: headers[0] ?? 0,
    headers,
  };
}

/** Every field that we know, by our name for it. */
export const FIELDS = Object.fromEntries(
  Object.entries(ROWS).map(([name, row]) => [name, fieldOf(name, row)]),
) as Readonly<Record<FieldName | MatchFieldName, Field>>;

const BY_HEADER: ReadonlyMap<number, FieldName | MatchFieldName> = new Map(
  (Object.entries(FIELDS) as [FieldName | MatchFieldName, Field][]).flatMap(([name, field]) =>
    field.headers.map((header) => [header, name] as const),
  ),
);

/** Our name for the field of an OXM or NXM header without mask; undefined when it is not in the table. */
export function fieldNameOfHeader(header: number): FieldName | MatchFieldName | undefined {
  return BY_HEADER.get(header);
}

const MATCH_ONLY: ReadonlySet<string> = new Set<MatchFieldName>([
  "in_port_oxm",
  "eth_type",
  "vlan_vid",
  "ip_proto",
  "tcp_src",
  "tcp_dst",
  "udp_src",
  "udp_dst",
  "sctp_src",
  "sctp_dst",
  "tcp_flags",
  "ct_state",
  "ct_zone",
  "ct_mark",
  "conj_id",
  "icmp_type",
  "icmp_code",
]);

/** Whether actions may name the field. */
export function isActionField(name: FieldName | MatchFieldName): name is FieldName {
  return !MATCH_ONLY.has(name);
}

/** The highest value of a field: all its bits set. */
export function fieldMaximum(field: Field): bigint {
  return (1n << BigInt(field.bytes * 8)) - 1n;
}
