import type { MacAddress } from "@holdfast/core";
import { type Action, vxlanOutput } from "@holdfast/openflow";
import { DROP, deliver, FixedPort, goto, inNetwork, type Rule, Source, TableId, toUplink } from "./layout.ts";
import { TO_MANY } from "./neighbour-responder.ts";
import type { NetworkParty, RemoteParty } from "./parties.ts";

/** Table 30: where a frame goes, by network and destination MAC. Nothing is learned; what is unknown is never flooded. */

export const destinationBase: readonly Rule[] = [
  { table: TableId.destination, priority: 0, match: {}, actions: DROP },
  {
    table: TableId.destination,
    priority: 200,
    match: { ethDst: TO_MANY },
    actions: [goto(TableId.floodLocal), goto(TableId.floodRemote)],
  },
];

export function destinationNetwork({ number, reach }: NetworkParty): readonly Rule[] {
  if (reach.kind !== "vlan") return [];
  // A MAC that is not here is out there, or nowhere. From the uplink it would be somebody else's frame, which the default drops.
  return [
    {
      table: TableId.destination,
      priority: 50,
      match: inNetwork(number, Source.inside),
      actions: toUplink(reach.vlan),
    },
  ];
}

export function destinationLocal(
  network: NetworkParty,
  party: { mac: MacAddress; port: number; policed?: boolean },
): Rule {
  return towards(network, party.mac, deliver(party));
}

/** From the tunnel it does not go back into the tunnel: a port never sends a frame to where it came from. */
export function destinationRemote(network: NetworkParty, remote: RemoteParty): readonly Rule[] {
  if (network.reach.kind !== "vxlan") return [];
  const { vni } = network.reach;
  return [towards(network, remote.mac, vxlanOutput({ vni, remote: remote.tunnelAddress, port: FixedPort.tunnel }))];
}

function towards(network: NetworkParty, mac: MacAddress, actions: readonly Action[]): Rule {
  return {
    table: TableId.destination,
    priority: 100,
    match: { ...inNetwork(network.number), ethDst: mac },
    actions,
  };
}
