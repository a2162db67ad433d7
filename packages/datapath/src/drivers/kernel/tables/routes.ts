import { IpAddress } from "@holdfast/core";
import type { RemoteEndpoint } from "@holdfast/model";
import { type Kernel, ROUTE_PROTOCOL, type Route } from "@holdfast/netlink";
import type { EndpointWiring } from "../../../driver.ts";
import { type ObservedTable, observedTable } from "../../../reconcile/observed-table.ts";
import type { LinkNames } from "../options.ts";

/** Where one address is: behind a link of this machine, or on the node with this address. */
export interface RouteRow {
  /** The address with the length of its family, e.g. `"10.20.0.5/32"`. */
  readonly key: string;
  readonly to: { readonly link: string } | { readonly node: IpAddress };
}

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
export function routeRow({ prefix, nextHop, link, protocol }: Route, names: LinkNames): RouteRow | undefined {
  if (protocol !== ROUTE_PROTOCOL) return undefined;
  if (nextHop !== undefined) return { key: prefix, to: { node: nextHop } };
  if (link === undefined || names.linkNumber(link) === undefined) return undefined;
  return { key: prefix, to: { link } };
}

function kernelRoute({ key: prefix, to }: RouteRow): Route {
  const protocol = ROUTE_PROTOCOL;
  return "link" in to ? { prefix, link: to.link, protocol } : { prefix, nextHop: to.node, protocol };
}

/** To an endpoint of this machine. */
export function localRoutes({ addresses }: EndpointWiring, link: string): readonly RouteRow[] {
  return addresses.map((address) => ({ key: hostPrefix(address), to: { link } }));
}

/** To the node that an endpoint is on; none for addresses of a family that the node is not reached by. */
export function remoteRoutes({ addresses, tunnelAddress }: RemoteEndpoint): readonly RouteRow[] {
  return addresses
    .filter((address) => IpAddress.family(address) === IpAddress.family(tunnelAddress))
    .map((address) => ({ key: hostPrefix(address), to: { node: tunnelAddress } }));
}

function hostPrefix(address: IpAddress): string {
  return `${address}/${IpAddress.family(address) === "v4" ? 32 : 128}`;
}
