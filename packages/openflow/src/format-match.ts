import type { Match } from "./flow.ts";
import { formatMaskedIp, formatMaskedMac, formatPort, hexOrZero } from "./format-value.ts";
import { type MatchEntry, matchEntries, REGISTERS } from "./match-fields.ts";

const ETHERTYPES: Readonly<Record<number, string>> = {
  2048: "ip",
  2054: "arp",
  32821: "rarp",
  34525: "ipv6",
  34887: "mpls",
  34888: "mplsm",
};

/** IP protocols that have a word of their own, which then stands for the EtherType too. */
const PROTOCOLS: Readonly<Record<number, Readonly<Record<number, string>>>> = {
  2048: { 1: "icmp", 6: "tcp", 17: "udp", 132: "sctp" },
  34525: { 58: "icmp6", 6: "tcp6", 17: "udp6", 132: "sctp6" },
};

/** CS_* of Open vSwitch, from bit 0. */
const CONNECTION_FLAGS = ["new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"];

/** Of RFC 9293 section 3.1, from bit 0. */
const TCP_FLAGS = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"];

type Entries = ReadonlyMap<string, MatchEntry>;

/**
 * A match as ovs-ofctl prints it, without priority, e.g. `"arp,in_port=3,arp_tpa=10.0.0.1,arp_op=1"`; the empty match is `""`.
 *
 * The order is that of `match_format()` in lib/match.c of Open vSwitch 3.1.
 */
export function formatMatch(match: Match): string {
  const entries: Entries = new Map(matchEntries(match).map((entry) => [entry.name, entry]));
  const parts: string[] = [];
  const put = (name: string, label: string, format: (entry: MatchEntry) => string): void => {
    const entry = entries.get(name);
    if (entry !== undefined) parts.push(`${label}=${format(entry)}`);
  };
  const type = match.ethType;
  put("conj_id", "conj_id", decimal);
  put("ct_state", "ct_state", (entry) => flags(entry, CONNECTION_FLAGS));
  put("ct_mark", "ct_mark", hexadecimal);
  const word = typeWord(type, match.ipProto);
  if (word !== undefined) parts.push(word);
  for (const register of REGISTERS) put(register, register, hexadecimal);
  put("tun_id", "tun_id", hexadecimal);
  put("tun_src", "tun_src", ipv4);
  put("tun_ipv6_src", "tun_ipv6_src", ipv6);
  put("metadata", "metadata", hexadecimal);
  put("in_port_oxm", "in_port", ({ value }) => formatPort(Number(value)));
  if (match.vlan !== undefined) parts.push(match.vlan === "none" ? "vlan_tci=0x0000/0x1fff" : `dl_vlan=${match.vlan}`);
  put("eth_src", "dl_src", ethernet);
  put("eth_dst", "dl_dst", ethernet);
  if (type !== undefined && word === undefined) parts.push(`dl_type=0x${type.toString(16).padStart(4, "0")}`);
  put("ipv6_src", "ipv6_src", ipv6);
  put("ipv6_dst", "ipv6_dst", ipv6);
  put("arp_spa", "arp_spa", ipv4);
  put("arp_tpa", "arp_tpa", ipv4);
  put("ip_src", "nw_src", ipv4);
  put("ip_dst", "nw_dst", ipv4);
  if (match.ipProto !== undefined && PROTOCOLS[type ?? 0]?.[match.ipProto] === undefined) {
    parts.push(`nw_proto=${match.ipProto}`);
  }
  put("arp_op", "arp_op", decimal);
  put("arp_sha", "arp_sha", ethernet);
  put("arp_tha", "arp_tha", ethernet);
  put("ip_ttl", "nw_ttl", decimal);
  for (const name of ["tcp_src", "udp_src", "sctp_src"]) put(name, "tp_src", decimal);
  for (const name of ["tcp_dst", "udp_dst", "sctp_dst"]) put(name, "tp_dst", decimal);
  put("tcp_flags", "tcp_flags", (entry) => flags(entry, TCP_FLAGS));
  for (const name of ["icmp_type", "icmpv6_type"]) put(name, "icmp_type", decimal);
  for (const name of ["icmp_code", "icmpv6_code"]) put(name, "icmp_code", decimal);
  put("nd_target", "nd_target", ipv6);
  put("nd_sll", "nd_sll", ethernet);
  put("nd_tll", "nd_tll", ethernet);
  put("nd_options_type", "nd_options_type", decimal);
  if (match.opaque !== undefined) parts.push(`oxm=0x${match.opaque}`);
  return parts.join(",");
}

function typeWord(ethType: number | undefined, ipProto: number | undefined): string | undefined {
  if (ethType === undefined) return undefined;
  return PROTOCOLS[ethType]?.[ipProto ?? -1] ?? ETHERTYPES[ethType];
}

function hexadecimal({ value, mask }: MatchEntry): string {
  return mask === undefined ? hexOrZero(value) : `${hexOrZero(value)}/${hexOrZero(mask)}`;
}

function decimal({ value, mask }: MatchEntry): string {
  return mask === undefined ? String(value) : `0x${value.toString(16)}/0x${mask.toString(16)}`;
}

/** Each bit of the mask, lowest first: `+` when it has to be set, `-` when it must not be. Without a mask, those that are set. */
function flags({ value, mask }: MatchEntry, names: readonly string[]): string {
  const named = names.map((name, bit) => ({ name, bit: 1n << BigInt(bit) }));
  if (mask !== undefined) {
    const parts = named.filter(({ bit }) => mask & bit).map(({ name, bit }) => `${value & bit ? "+" : "-"}${name}`);
    return parts.join("");
  }
  const set = named.filter(({ bit }) => value & bit);
  return set.length === 0 ? "0" : set.map(({ name }) => name).join("|");
}

function ethernet({ value, mask }: MatchEntry): string {
  return formatMaskedMac(value, mask);
}

function ipv4({ value, mask }: MatchEntry): string {
  return formatMaskedIp("v4", value, mask);
}

function ipv6({ value, mask }: MatchEntry): string {
  return formatMaskedIp("v6", value, mask);
}
