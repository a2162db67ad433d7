import { IpAddress } from "@holdfast/core";
import { CONTROLLER_PORT, type Match } from "@holdfast/openflow";
import { ArpOp, EtherType, enter, FixedPort, ICMPV6, Icmp, output, type Rule, Source, TableId } from "./layout.ts";

/**
 * Table 0, while an address is looked for outside: what says that somebody has it comes to the agent as well, and goes on as if nobody looked. The
 * rest of what is said in the VLAN does not come to the agent.
 */
export function conflictWatch(
  network: { readonly number: number; readonly vlan: number },
  address: IpAddress,
): readonly Rule[] {
  return evidenceOf(address).map((evidence) => ({
    table: TableId.classify,
    priority: 120,
    match: { inPort: FixedPort.uplink, vlan: network.vlan, ...evidence },
    actions: [
      { kind: "pop-vlan" },
      output(CONTROLLER_PORT),
      ...enter(network.number, Source.uplink, TableId.neighbourResponder),
    ],
  }));
}

function evidenceOf(address: IpAddress): readonly Match[] {
  if (IpAddress.family(address) === "v4") {
    const nobody = IpAddress.parse("0.0.0.0");
    return [
      { ethType: EtherType.arp, arpSpa: address },
      { ethType: EtherType.arp, arpOp: ArpOp.request, arpSpa: nobody, arpTpa: address },
    ];
  }
  const discovery = { ethType: EtherType.ipv6, ipProto: ICMPV6, icmpCode: 0, ndTarget: address } as const;
  return [
    { ...discovery, icmpType: Icmp.advertisement },
    { ...discovery, icmpType: Icmp.solicitation, ipSrc: IpAddress.parse("::") },
  ];
}
