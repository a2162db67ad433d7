import { IpAddress, MacAddress } from "@holdfast/core";
import type { Action, Match } from "@holdfast/openflow";
import { DROP, EtherType, FROM_THE_LINK, goto, ICMPV6, Icmp, type Rule, TableId } from "./layout.ts";
import { linkLocalOf } from "./link-local.ts";
import type { PortParty } from "./parties.ts";

/**
 * Table 10: an endpoint sends from its own MAC and addresses only.
 *
 * Everything that is not allowed ends in a flow of the endpoint's own that counts it.
 */

const UNSPECIFIED_V4 = IpAddress.parse("0.0.0.0");
const UNSPECIFIED_V6 = IpAddress.parse("::");
const NO_LINK_LAYER_ADDRESS = MacAddress.parse("00:00:00:00:00:00");

const UDP = 17;
/** What only DHCP servers say (RFC 2131 section 4.1, RFC 8415 section 7.2): an endpoint is none. Clients take it from any port. */
const SERVES_ADDRESSES: readonly Match[] = [
  { ethType: EtherType.ipv4, ipProto: UDP, udpDst: 68 },
  { ethType: EtherType.ipv6, ipProto: UDP, udpDst: 546 },
];

export const sourceGuardBase: readonly Rule[] = [
  { table: TableId.sourceGuard, priority: 0, match: {}, actions: DROP },
  ...SERVES_ADDRESSES.map((match) => ({ table: TableId.sourceGuard, priority: 110, match, actions: DROP })),
];

export function sourceGuardEndpoint(party: PortParty): readonly Rule[] {
  const { port, mac } = party;
  const v4 = party.addresses.filter((address) => IpAddress.family(address) === "v4");
  const v6 = ownV6(party);
  const from: Match = { inPort: port, ethSrc: mac };
  const allow = (match: Match, table: number): Rule => ({
    table: TableId.sourceGuard,
    priority: 100,
    match: { ...from, ...match },
    actions: [goto(table)],
  });
  const send = (match: Match, table: number): Rule => ({
    ...allow(match, table),
    actions: [...marked(party), goto(table)],
  });
  return [
    // Dropped, and counted apart: from another MAC, from its own about addresses that are not, and of kinds that it may not send.
    { table: TableId.sourceGuard, priority: 10, match: { inPort: port }, actions: DROP },
    { table: TableId.sourceGuard, priority: 15, match: from, actions: DROP },
    ...[EtherType.arp, EtherType.ipv4, EtherType.ipv6].map((ethType) => {
      return { table: TableId.sourceGuard, priority: 20, match: { ...from, ethType }, actions: DROP };
    }),
    // A probe (RFC 5227) has no sender address yet.
    ...[...v4, ...(v4.length > 0 ? [UNSPECIFIED_V4] : [])].map((arpSpa) =>
      allow({ ethType: EtherType.arp, arpSha: mac, arpSpa }, TableId.neighbourResponder),
    ),
    ...v4.map((ipSrc) =>
      send({ ethType: EtherType.ipv4, ipSrc }, party.policed === true ? TableId.policyEgress : TableId.destination),
    ),
    ...v6.map((ipSrc) => send({ ethType: EtherType.ipv6, ipSrc }, TableId.neighbourGuard)),
    // Duplicate address detection comes from no address and asks for the sender's own (RFC 4862 section 5.4.2).
    ...v6.map((ndTarget) =>
      allow(
        {
          ethType: EtherType.ipv6,
          ipSrc: UNSPECIFIED_V6,
          ipProto: ICMPV6,
          icmpType: Icmp.solicitation,
          icmpCode: 0,
          ndTarget,
        },
        TableId.neighbourGuard,
      ),
    ),
  ];
}

function marked({ dscp }: PortParty): readonly Action[] {
  return dscp === undefined ? [] : [{ kind: "set-field", field: "ip_dscp", value: BigInt(dscp) }];
}

/**
 * Table 11: what an endpoint says in neighbour discovery is about itself; it is no router.
 */
export const neighbourGuardBase: readonly Rule[] = [
  { table: TableId.neighbourGuard, priority: 0, match: {}, actions: [goto(TableId.neighbourResponder)] },
  ...[Icmp.routerAdvertisement, Icmp.solicitation, Icmp.advertisement, Icmp.redirect].map((icmpType) => ({
    table: TableId.neighbourGuard,
    priority: 50,
    match: { ethType: EtherType.ipv6, ipProto: ICMPV6, icmpType },
    actions: DROP,
  })),
  // The switch reads options that are malformed, or there twice, as none, and the target as zero; receivers may read the first of them.
  {
    table: TableId.neighbourGuard,
    priority: 110,
    match: {
      ethType: EtherType.ipv6,
      ipProto: ICMPV6,
      icmpType: Icmp.solicitation,
      icmpCode: 0,
      ndTarget: UNSPECIFIED_V6,
    },
    actions: DROP,
  },
];

/** Receivers leave out what is not like this. */
const NEIGHBOUR_MESSAGE = { ethType: EtherType.ipv6, ipProto: ICMPV6, ipTtl: FROM_THE_LINK, icmpCode: 0 } as const;

export function neighbourGuardEndpoint(party: PortParty): readonly Rule[] {
  const v6 = ownV6(party);
  if (v6.length === 0) return [];
  const message = (icmpType: number, match: Match): Rule => ({
    table: TableId.neighbourGuard,
    priority: 100,
    match: { inPort: party.port, ...NEIGHBOUR_MESSAGE, icmpType, ...match },
    actions: [goto(TableId.neighbourResponder)],
  });
  const decided: readonly Rule[] = [
    {
      table: TableId.neighbourGuard,
      priority: 40,
      match: { inPort: party.port, ethType: EtherType.ipv6 },
      actions: [goto(TableId.policyEgress)],
    },
  ];
  // An option that is not there reads as zero.
  return [
    ...(party.policed === true ? decided : []),
    ...[party.mac, NO_LINK_LAYER_ADDRESS].flatMap((option) => [
      message(Icmp.solicitation, { ndSll: option }),
      ...v6.map((ndTarget) => message(Icmp.advertisement, { ndTarget, ndTll: option })),
    ]),
  ];
}

/** With its link-local address; none when the endpoint has no IPv6 address. */
function ownV6({ mac, addresses }: PortParty): readonly IpAddress[] {
  const v6 = addresses.filter((address) => IpAddress.family(address) === "v6");
  return v6.length === 0 ? [] : [...v6, linkLocalOf(mac)];
}
