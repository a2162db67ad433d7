import { IpAddress } from "@holdfast/core";
import { type Flow, setAddress, setRegister } from "@holdfast/openflow";
import {
  deliver,
  FixedPort,
  goto,
  inNetwork,
  NETWORK,
  output,
  PAGE,
  PORT,
  type Rule,
  Source,
  TableId,
  toUplink,
} from "./layout.ts";
import type { NetworkParty } from "./parties.ts";

/** Tables 40 and 50: a frame for many goes to the network's ports here, then, when it came from inside, to other nodes. */

/** Of whoever is in a network here. */
export interface FloodPort {
  readonly port: number;
  readonly policed?: boolean;
}

/** A port never sends a frame to where it came from, so the list is the same for all. */
export function floodLocal(network: NetworkParty, ports: readonly FloodPort[]): readonly Rule[] {
  if (ports.length === 0) return [];
  return [
    {
      table: TableId.floodLocal,
      priority: 100,
      match: inNetwork(network.number),
      actions: ports.toSorted((a, b) => a.port - b.port).flatMap(deliver),
    },
  ];
}

/** An OpenFlow message has at most 64 KiB; a node takes 40 bytes of actions. */
const NODES_PER_PAGE = 1000;

export function floodRemote(network: NetworkParty, nodes: readonly IpAddress[]): readonly Rule[] {
  const { number, reach } = network;
  switch (reach.kind) {
    case "local":
      return [];
    case "vlan":
      return [page(number, 0, toUplink(reach.vlan))];
    case "vxlan":
      return pages(nodes.toSorted(), NODES_PER_PAGE).map((members, index, all) =>
        page(number, index, [
          { kind: "set-field", field: "tun_id", value: BigInt(reach.vni) },
          ...members.flatMap((node) => [setAddress("tun_dst", node), output(FixedPort.tunnel)]),
          ...(index + 1 < all.length ? [setRegister(PAGE, index + 1), goto(TableId.floodRemote)] : []),
        ]),
      );
  }
}

function page(network: number, index: number, actions: Rule["actions"]): Rule {
  const { registers } = inNetwork(network, Source.inside);
  return {
    table: TableId.floodRemote,
    priority: 100,
    match: { registers: { ...registers, [PAGE]: index } },
    actions,
  };
}

function pages<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

/** Where frames for many of a network go, read from flows of these tables. */
export interface Inheritance {
  /** Whether each has a policy. */
  readonly ports: ReadonlyMap<number, boolean>;
  readonly nodes: ReadonlySet<IpAddress>;
}

/** By network number. */
export function readFloods(flows: readonly Flow[]): ReadonlyMap<number, Inheritance> {
  const found = new Map<number, { ports: Map<number, boolean>; nodes: Set<IpAddress> }>();
  for (const { table, match, actions } of flows) {
    const network = match.registers?.[NETWORK];
    if (typeof network !== "number") continue;
    const entry = found.get(network) ?? { ports: new Map(), nodes: new Set() };
    found.set(network, entry);
    for (const action of actions) {
      if (table === TableId.floodLocal && action.kind === "output") entry.ports.set(action.port, false);
      if (table === TableId.floodLocal && action.kind === "set-field" && action.field === PORT) {
        entry.ports.set(Number(action.value), true);
      }
      if (table === TableId.floodRemote && action.kind === "set-field" && action.field === "tun_dst") {
        entry.nodes.add(IpAddress.fromBigInt("v4", action.value));
      }
    }
  }
  return found;
}
