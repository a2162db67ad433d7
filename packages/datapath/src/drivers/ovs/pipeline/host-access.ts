import { Cidr, IpAddress, type MacAddress } from "@holdfast/core";
import { arpRequest, arpResponder, type Flow, setAddress, setMac } from "@holdfast/openflow";
import { EtherType, inNetwork, output, type Rule, Source, TableId } from "./layout.ts";
import { TO_MANY } from "./neighbour-responder.ts";
import type { NetworkParty, PortParty } from "./parties.ts";

/**
 * Between the machine and an endpoint that publishes ports, in a network whose gateway the machine is not.
 *
 * The machine knows the endpoint by an address that stands for it, so that what tenants call their containers is nothing to the
 * machine's routes, and two may have the same address. The switch puts one in the place of the other.
 */

/** What containers see the machine as, and what stands for containers: link-local, and nobody else's on any link of the machine. */
export const ACCESS_PREFIX = Cidr.parse("169.254.88.0/21");
export const ACCESS_ADDRESS = IpAddress.parse("169.254.88.1");

export interface AccessParty {
  readonly network: NetworkParty;
  readonly endpoint: PortParty;
  /** The endpoint's IPv4 address. */
  readonly address: IpAddress;
  /** Stands for it. */
  readonly standIn: IpAddress;
  /** Where the endpoint sends what is not for its own network. */
  readonly gateway: IpAddress;
  /** The machine's port. */
  readonly access: { readonly port: number; readonly mac: MacAddress };
}

/** From the machine: nothing but IPv4 to stand-ins, straight to the endpoint, in no case to where else it may have moved. */
export function accessToEndpoint({ endpoint, address, standIn, access }: AccessParty): readonly Rule[] {
  const from = { inPort: access.port, vlan: "none" } as const;
  return [
    {
      table: TableId.classify,
      priority: 110,
      match: { ...from, ...arpRequest(standIn) },
      actions: arpResponder(standIn, endpoint.mac),
    },
    {
      table: TableId.classify,
      priority: 110,
      match: { ...from, ethType: EtherType.ipv4, ipSrc: ACCESS_ADDRESS, ipDst: standIn },
      actions: [setMac("eth_dst", endpoint.mac), setAddress("ip_dst", address), output(endpoint.port)],
    },
  ];
}

/** To the machine: what the source guard has let pass. The endpoint sends it to its gateway, as the machine's address is off its link. */
export function accessFromEndpoint({ network, endpoint, ...party }: AccessParty): readonly Rule[] {
  const { address, standIn, gateway, access } = party;
  const answer: Rule = {
    table: TableId.destination,
    priority: 250,
    match: {
      ...inNetwork(network.number, Source.inside),
      inPort: endpoint.port,
      ethType: EtherType.ipv4,
      ipSrc: address,
      ipDst: ACCESS_ADDRESS,
    },
    actions: [setMac("eth_dst", access.mac), setAddress("ip_src", standIn), output(access.port)],
  };
  // In a VLAN there is a router. Elsewhere nobody answers for the gateway, and the endpoint could not even send.
  if (network.reach.kind === "vlan") return [answer];
  return [
    answer,
    ...[TO_MANY, access.mac].map((ethDst) => ({
      table: TableId.neighbourResponder,
      priority: 60,
      match: { ...inNetwork(network.number, Source.inside), inPort: endpoint.port, ethDst, ...arpRequest(gateway) },
      actions: arpResponder(gateway, access.mac),
    })),
  ];
}

/** What stands for the endpoint at a port, read from the flows of an earlier run. */
export function readStandIns(flows: readonly Flow[]): ReadonlyMap<number, IpAddress> {
  const found = new Map<number, IpAddress>();
  for (const { table, match, actions } of flows) {
    const { ipDst } = match;
    if (table !== TableId.classify || typeof ipDst !== "string" || !Cidr.contains(ACCESS_PREFIX, ipDst)) continue;
    for (const action of actions) if (action.kind === "output") found.set(action.port, ipDst);
  }
  return found;
}
