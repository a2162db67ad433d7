import type { RuleSet } from "../../machine/rule-set.ts";
import { GATEWAY } from "./gateway.ts";

/** The table of guards with its counters; its family is `inet`. */
export const GUARD_TABLE = "holdfast_guard";
/** Counters by guard; that of ARP is in the table of its family. */
export const KERNEL_GUARDS = {
  mac: "guard_mac",
  ip: "guard_ip",
  nd: "guard_nd",
  ra: "guard_ra",
  dhcp: "guard_dhcp",
} as const;
export const ARP_GUARD = "guard_arp";

/**
 * Sets that say whose an endpoint's link is: links that are known, with MACs, with MACs and sources of packets, with addresses of neighbour advertisements,
 * and in the table of ARP with those of its senders. What a link that is not known yet sends is looked at by routes alone.
 */
export const OWNERS = {
  links: "links",
  macs: "macs",
  sources4: "sources4",
  sources6: "sources6",
  targets: "targets",
  senders: "senders",
} as const;

/**
 * What holds for every endpoint's link, whatever networks there are: nobody sends from an address that is not his. An address is his when the
 * machine's route to it leads to his link, so this needs no rule per endpoint.
 */
export function guardRules(linkPrefix: string): RuleSet {
  const links = `"${linkPrefix}*"`;
  const inet = [
    ...Object.values(KERNEL_GUARDS).map((name) => `counter ${name} { }`),
    `set ${OWNERS.links} { type ifname; }`,
    `set ${OWNERS.macs} { type ifname . ether_addr; }`,
    `set ${OWNERS.sources4} { type ifname . ether_addr . ipv4_addr; }`,
    `set ${OWNERS.sources6} { type ifname . ether_addr . ipv6_addr; }`,
    `set ${OWNERS.targets} { typeof iifname . @th,64,128; }`,
    "chain incoming {",
    // After fragments were put together (-400), before connections are followed (-200).
    "  type filter hook prerouting priority raw; policy accept;",
    `  iifname != ${links} accept`,
    "  ip daddr 127.0.0.0/8 drop",
    // An endpoint is no router and no DHCP server (RFC 4861 sections 4.2 and 4.5, RFC 2131 section 4.1, RFC 8415 section 7.2), from whatever port.
    `  meta nfproto . udp dport { ipv4 . 68, ipv6 . 546 } counter name ${KERNEL_GUARDS.dhcp} drop`,
    // Nearly every packet is its sender's own, and one look costs it half of what the questions below do, each of which names a guard.
    `  iifname . ether saddr . ip saddr @${OWNERS.sources4} accept`,
    `  icmpv6 type { nd-router-advert, nd-redirect } counter name ${KERNEL_GUARDS.ra} drop`,
    // About an address of its own, or one that is of this link alone (fe80::/10).
    `  icmpv6 type nd-neighbor-advert @th,64,10 != 0x3fa iifname @${OWNERS.links} iifname . @th,64,128 != @${OWNERS.targets} counter name ${KERNEL_GUARDS.nd} drop`,
    `  iifname . ether saddr . ip6 saddr @${OWNERS.sources6} accept`,
    `  iifname @${OWNERS.links} iifname . ether saddr != @${OWNERS.macs} counter name ${KERNEL_GUARDS.mac} drop`,
    // Neighbour discovery, and the check of an address before its first use (RFC 4861, RFC 4862).
    "  ip6 saddr { ::, fe80::/10 } ip6 daddr { fe80::/10, ff02::/16 } accept",
    `  fib saddr . iif oif missing counter name ${KERNEL_GUARDS.ip} drop`,
    "}",
  ];
  const arp = [
    `counter ${ARP_GUARD} { }`,
    `set ${OWNERS.links} { type ifname; }`,
    `set ${OWNERS.senders} { type ifname . ipv4_addr; }`,
    "chain incoming {",
    "  type filter hook input priority 0; policy accept;",
    // The machine has the gateway's address for its endpoints alone.
    `  iifname != ${links} arp daddr ip ${GATEWAY.v4} drop`,
    // A probe (RFC 5227) has no sender address yet.
    `  arp saddr ip != 0.0.0.0 iifname @${OWNERS.links} iifname . arp saddr ip != @${OWNERS.senders} counter name ${ARP_GUARD} drop`,
    "}",
  ];
  return {
    name: "guard",
    tables: ["inet holdfast_guard", "arp holdfast_guard"],
    chains: new Map([
      ["inet holdfast_guard", indented(inet)],
      ["arp holdfast_guard", indented(arp)],
    ]),
    forwards: [],
  };
}

export function indented(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}\n`).join("");
}
