import type { Neighbour, Route } from "../kernel.ts";
import { type FakeLink, type FakeNamespace, PROTOCOL_KERNEL } from "./fake-namespace.ts";

/**
 * The commands of ip(8) and ethtool(8) that make a namespace what it is, one a line, always in the same order. What the kernel made
 * by itself (MACs, connected routes) is left out. `ip netns exec` is not written before them: the reader knows where he is.
 */
export function printNamespace(namespace: FakeNamespace): string {
  const links = namespace.links.toSorted((a, b) => compare(a.name, b.name));
  return [
    ...links.flatMap(creation),
    ...links.flatMap(settings),
    ...namespace.addresses
      .map(
        ({ link, address, length, scope }) =>
          `ip addr add ${address}/${length} dev ${link}${scope === undefined ? "" : ` scope ${scope}`}`,
      )
      .toSorted(compare),
    ...namespace.routes
      .filter(({ protocol }) => protocol !== PROTOCOL_KERNEL)
      .map(routeLine)
      .toSorted(compare),
    ...namespace.neighbours.map(neighbourLine).toSorted(compare),
  ].join("\n");
}

function creation(link: FakeLink): string[] {
  if (link.kind === undefined || !link.near) return [];
  if (link.peer === undefined) return [`ip link add ${link.name} type ${link.kind}`];
  const { peer } = link;
  const away = peer.namespace === link.namespace ? "" : ` netns ${peer.namespace.path ?? 1}`;
  return [`ip link add ${link.name} type veth peer name ${peer.name}${away}`];
}

function settings(link: FakeLink): string[] {
  const { name, mac, macChosen, kind, mtu, alias, group, master, up, offloads } = link;
  const words = [
    ...(kind !== undefined && macChosen ? [`address ${mac}`] : []),
    ...(kind === "veth" ? [`mtu ${mtu}`] : []),
    ...(alias ? [`alias ${JSON.stringify(alias)}`] : []),
    ...(group ? [`group ${group}`] : []),
    ...(master === undefined ? [] : [`master ${master.name}`]),
    ...(up ? ["up"] : []),
  ];
  return [
    ...(words.length === 0 ? [] : [`ip link set ${name} ${words.join(" ")}`]),
    ...(offloads ? [] : [`ethtool -K ${name} tx off sg off tso off gso off gro off`]),
  ];
}

function routeLine(route: Route): string {
  const { prefix, type, nextHop, link, protocol, scope, source, metric, mtu } = route;
  const v6 = prefix.includes(":");
  const mixed = nextHop !== undefined && nextHop.includes(":") !== v6;
  // ip(8) takes the family from the first address it sees.
  const family = v6 ? "-6 " : mixed ? "-4 " : "";
  const words = [
    `ip ${family}route add ${type === undefined ? "" : `${type} `}${prefix.endsWith("/0") ? "default" : prefix}`,
    ...(nextHop === undefined ? [] : [`via ${mixed ? "inet6 " : ""}${nextHop}`]),
    ...(link === undefined ? [] : [`dev ${link}`]),
    `proto ${protocol}`,
    ...(scope === undefined ? [] : [`scope ${scope}`]),
    ...(source === undefined ? [] : [`src ${source}`]),
    ...(metric === undefined ? [] : [`metric ${metric}`]),
    ...(mtu === undefined ? [] : [`mtu ${mtu}`]),
  ];
  return words.join(" ");
}

function neighbourLine({ link, address, mac, state }: Neighbour): string {
  return `ip neigh add ${address} lladdr ${mac} dev ${link} nud ${state}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
