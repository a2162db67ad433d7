import { Cidr, IpAddress, type MacAddress } from "@holdfast/core";
import { arpRequest, arpResponder, type Flow, setMac, setRegister } from "@holdfast/openflow";
import { DROP, deliver, EtherType, inNetwork, NETWORK, output, type Rule, Source, TableId } from "./layout.ts";
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

/**
 * Table 60: what the switch has translated goes to an endpoint, or to the machine.
 *
 * A switch that only wrote other addresses into packets would break what ICMP says of them, and in user space (3.1) the second and later
 * fragments of a datagram. So it follows connections; each endpoint in a zone of its own, as two may have the same address.
 */
export const accessBase: readonly Rule[] = [{ table: TableId.access, priority: 0, match: {}, actions: DROP }];

/** From the machine: nothing but IPv4 to stand-ins, straight to the endpoint, in no case to where else it may have moved. */
export function accessToEndpoint({ network, endpoint, address, standIn, access }: AccessParty): readonly Rule[] {
  const from = { inPort: access.port, vlan: "none" } as const;
  const ipv4 = { ethType: EtherType.ipv4, ipSrc: ACCESS_ADDRESS };
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
      match: { ...from, ...ipv4, ipDst: standIn },
      actions: [
        setRegister(NETWORK, network.number),
        setMac("eth_dst", endpoint.mac),
        { kind: "translate", zone: endpoint.port, table: TableId.access, destination: address },
      ],
    },
    {
      table: TableId.access,
      priority: 100,
      match: { ...inNetwork(network.number), inPort: access.port, ...ipv4, ipDst: address },
      actions: deliver(endpoint),
    },
  ];
}

/**
 * To the machine: what the source guard has let pass. The endpoint sends it to its gateway, as the machine's address is off its link. What
 * belongs to no connection that the machine has begun is not translated, and goes nowhere.
 */
export function accessFromEndpoint({ network, endpoint, ...party }: AccessParty): readonly Rule[] {
  const { address, standIn, gateway, access } = party;
  const toMachine = { inPort: endpoint.port, ethType: EtherType.ipv4, ipDst: ACCESS_ADDRESS };
  const answer: readonly Rule[] = [
    {
      table: TableId.destination,
      priority: 250,
      match: { ...inNetwork(network.number, Source.inside), ...toMachine, ipSrc: address },
      actions: [setMac("eth_dst", access.mac), { kind: "translate", zone: endpoint.port, table: TableId.access }],
    },
    {
      table: TableId.access,
      priority: 100,
      match: { ...inNetwork(network.number), ...toMachine, ipSrc: standIn },
      actions: [output(access.port)],
    },
  ];
  // In a VLAN there is a router. Elsewhere nobody answers for the gateway, and the endpoint could not even send.
  if (network.reach.kind === "vlan") return answer;
  return [
    ...answer,
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
    if (table !== TableId.classify || typeof match.ipDst !== "string") continue;
    for (const action of actions) if (action.kind === "translate") found.set(action.zone, match.ipDst);
  }
  return found;
}
