import { Cidr, IpAddress } from "@holdfast/core";
import type { RemoteBlock, RemoteEndpoint } from "@holdfast/model";
import { type Kernel, ROUTE_PROTOCOL, type Route } from "@holdfast/netlink";
import type { EndpointWiring, OwnBlock } from "../../../driver.ts";
import { type ObservedTable, observedTable } from "../../../reconcile/observed-table.ts";
import type { LinkNames } from "../options.ts";

/** Where an address or a block is: behind a link of this machine, on the node with this address, or nowhere. */
export interface RouteRow {
  /** Of one address with the length of its family, e.g. `"10.20.0.5/32"`. */
  readonly key: string;
  readonly to: { readonly link: string } | { readonly node: IpAddress } | typeof NOWHERE;
}

/** Of a block of this machine: addresses that an endpoint has have longer prefixes. */
const NOWHERE = { nowhere: true } as const;

export function routeTable(kernel: Kernel, names: LinkNames): ObservedTable<RouteRow> {
  return observedTable<RouteRow>({
    name: "routes",
    key: (row) => row.key,
    same: (a, b) => JSON.stringify(a.to) === JSON.stringify(b.to),
    needs: ({ to }) => ("link" in to ? [{ table: "veths", key: to.link }] : []),
    list: async () =>
      (await kernel.listRoutes({ protocol: ROUTE_PROTOCOL })).flatMap((route) => routeRow(route, names) ?? []),
    put: (row) => kernel.replaceRoute(kernelRoute(row)),
    take: (row) => kernel.deleteRoute(kernelRoute(row)),
  });
}

/** Undefined when it is not a route of this driver. */
export function routeRow({ prefix, type, nextHop, link, protocol }: Route, names: LinkNames): RouteRow | undefined {
  if (protocol !== ROUTE_PROTOCOL) return undefined;
  if (type === "unreachable") return { key: prefix, to: NOWHERE };
  if (nextHop !== undefined) return { key: prefix, to: { node: nextHop } };
  if (link === undefined || names.linkNumber(link) === undefined) return undefined;
  return { key: prefix, to: { link } };
}

function kernelRoute({ key: prefix, to }: RouteRow): Route {
  const protocol = ROUTE_PROTOCOL;
  if ("nowhere" in to) return { prefix, type: "unreachable", protocol };
  return "link" in to ? { prefix, link: to.link, protocol } : { prefix, nextHop: to.node, protocol };
}

/** What of a block of this machine no endpoint has. */
export function nowhereRoute({ prefix }: OwnBlock): RouteRow {
  return { key: prefix, to: NOWHERE };
}

/** To an endpoint of this machine. */
export function localRoutes({ addresses }: EndpointWiring, link: string): readonly RouteRow[] {
  return addresses.map((address) => ({ key: Cidr.host(address), to: { link } }));
}

/** Routes to another node, and what has none. */
export interface NodeRoutes {
  readonly routes: readonly RouteRow[];
  /** What the node is not reached for, with the remedy; undefined: everything has a route. */
  readonly pathless: string | undefined;
}

/** To the node that an endpoint is on. */
export function remoteRoutes({ addresses, tunnelAddress, via = [tunnelAddress] }: RemoteEndpoint): NodeRoutes {
  return nodeRoutes(addresses.map(Cidr.host), via);
}

/** To the node that has a block. */
export function blockRoutes({ prefix, via }: RemoteBlock): NodeRoutes {
  return nodeRoutes([prefix], via);
}

function nodeRoutes(keys: readonly Cidr[], via: readonly IpAddress[]): NodeRoutes {
  const hopOf = (key: Cidr) => via.find((node) => IpAddress.family(node) === Cidr.family(key));
  const routes = keys.flatMap((key): RouteRow[] => {
    const node = hopOf(key);
    return node === undefined ? [] : [{ key, to: { node } }];
  });
  const without = keys.filter((key) => hopOf(key) === undefined);
  if (without.length === 0) return { routes, pathless: undefined };
  const names = { v4: "IPv4", v6: "IPv6" };
  const family = without.some((key) => Cidr.family(key) === "v4") ? "v4" : "v6";
  const pathless =
    `no route to ${without.join(" and ")}: the node is known by ${via.join(" and ")} only; ` +
    `give its agent an ${names[family]} address, too (--node-address)`;
  return { routes, pathless };
}
