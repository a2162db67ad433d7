import { IpAddress, MacAddress } from "@holdfast/core";
import { type Action, arpRequest, arpResponder, type Match, neighborSolicitation, setMac } from "@holdfast/openflow";
import { ArpOp, DROP, EtherType, goto, ICMPV6, Icmp, inNetwork, type Rule, Source, TableId } from "./layout.ts";
import type { NetworkParty, PortParty } from "./parties.ts";

/**
 * Tables 20 and 21: who has an address? Flows answer over IPv4 for everybody they know, so that no question is flooded and no process of
 * ours answers. Over IPv6 they lead the question to whom it is about, and to nobody else: the kernel's datapath cannot make an
 * advertisement of a solicitation.
 *
 * Only questions to all: one to a single neighbour (RFC 4861 section 7.3.3, unicast ARP) asks whether it is alive, and goes there.
 */

const GROUP_BIT = MacAddress.parse("01:00:00:00:00:00");
export const TO_MANY = { value: GROUP_BIT, mask: GROUP_BIT } as const;

export const neighbourResponderBase: readonly Rule[] = [
  { table: TableId.neighbourResponder, priority: 0, match: {}, actions: [goto(TableId.destination)] },
  { table: TableId.sendBack, priority: 0, match: {}, actions: [{ kind: "output-in-port" }] },
];

export function neighbourResponderNetwork({ number, reach }: NetworkParty): readonly Rule[] {
  switch (reach.kind) {
    case "vlan":
      // Unknown addresses may belong to machines of the company: the question goes out like any broadcast.
      return [
        {
          table: TableId.sendBack,
          priority: 100,
          match: inNetwork(number, Source.uplink),
          actions: [{ kind: "push-vlan", vlan: reach.vlan }, { kind: "output-in-port" }],
        },
      ];
    case "vxlan":
    case "local":
      // Whoever is in the network is known: an unknown address is nobody's.
      return [
        { ethType: EtherType.arp, arpOp: ArpOp.request },
        { ethType: EtherType.ipv6, ipProto: ICMPV6, icmpType: Icmp.solicitation },
      ].map((question) => ({
        table: TableId.neighbourResponder,
        priority: 50,
        match: { ...inNetwork(number, Source.inside), ethDst: TO_MANY, ...question },
        actions: DROP,
      }));
  }
}

/** Answers for one party of the network, or leads the question to it, wherever it is. */
export function answers(
  network: NetworkParty,
  { mac, addresses }: { readonly mac: MacAddress; readonly addresses: readonly IpAddress[] },
): readonly Rule[] {
  return addresses.map((address) => {
    const v4 = IpAddress.family(address) === "v4";
    return {
      table: TableId.neighbourResponder,
      priority: 100,
      match: {
        ...inNetwork(network.number),
        ethDst: TO_MANY,
        ...(v4 ? arpRequest(address) : neighborSolicitation(address)),
      },
      actions: v4 ? sendBack(arpResponder(address, mac)) : [setMac("eth_dst", mac), goto(TableId.destination)],
    };
  });
}

/** An endpoint that asks for its own address tells the others that it is there, or looks for a duplicate: it is not answered by us. */
export function ownQuestions({ port, addresses }: PortParty): readonly Rule[] {
  return addresses
    .filter((address) => IpAddress.family(address) === "v4")
    .map((address) => ({
      table: TableId.neighbourResponder,
      priority: 110,
      match: { inPort: port, ethDst: TO_MANY, ...arpRequest(address) } satisfies Match,
      actions: [goto(TableId.destination)],
    }));
}

/** Into the uplink an answer goes with its tag. */
function sendBack(actions: readonly Action[]): readonly Action[] {
  return actions.map((action) => (action.kind === "output-in-port" ? goto(TableId.sendBack) : action));
}
