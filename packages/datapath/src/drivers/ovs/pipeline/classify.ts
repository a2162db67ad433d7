import { DROP, enter, FixedPort, goto, metered, type Rule, Source, TableId } from "./layout.ts";
import type { NetworkParty, PortParty } from "./parties.ts";

/** Table 0: which network a frame belongs to, and whether it came from inside, the uplink or a tunnel. Table 5: a flow has one meter at most. */

export const classifyBase: readonly Rule[] = [
  { table: TableId.classify, priority: 0, match: {}, actions: DROP },
  { table: TableId.secondMeter, priority: 0, match: {}, actions: [goto(TableId.sourceGuard)] },
];

export function classifyNetwork({ number, reach }: NetworkParty): readonly Rule[] {
  switch (reach.kind) {
    case "local":
      return [];
    case "vlan":
      return [
        {
          table: TableId.classify,
          priority: 100,
          match: { inPort: FixedPort.uplink, vlan: reach.vlan },
          actions: [{ kind: "pop-vlan" }, ...enter(number, Source.uplink, TableId.neighbourResponder)],
        },
      ];
    case "vxlan":
      // Who sends through a tunnel has asked the responder on its own node.
      return [
        {
          table: TableId.classify,
          priority: 100,
          match: { inPort: FixedPort.tunnel, tunnelId: BigInt(reach.vni) },
          actions: enter(number, Source.tunnel, TableId.destination),
        },
      ];
  }
}

/** Only untagged frames: a tag of the endpoint's own could lead into another VLAN. What has one is counted apart. */
export function classifyEndpoint(network: NetworkParty, { port, meters = [] }: PortParty): readonly Rule[] {
  const [first, second] = meters;
  const next = second === undefined ? TableId.sourceGuard : TableId.secondMeter;
  const again = { table: TableId.secondMeter, priority: 100, match: { inPort: port } };
  return [
    { table: TableId.classify, priority: 90, match: { inPort: port }, actions: DROP },
    ...(second === undefined ? [] : [{ ...again, actions: [...metered(second), goto(TableId.sourceGuard)] }]),
    {
      table: TableId.classify,
      priority: 100,
      match: { inPort: port, vlan: "none" },
      actions: [...metered(first), ...enter(network.number, Source.inside, next)],
    },
  ];
}

/** The machine itself is trusted. */
export function classifyGateway(network: NetworkParty, port: number): readonly Rule[] {
  return [
    {
      table: TableId.classify,
      priority: 100,
      match: { inPort: port, vlan: "none" },
      actions: enter(network.number, Source.inside, TableId.neighbourResponder),
    },
  ];
}
