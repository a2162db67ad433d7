import { assert, IpAddress } from "@holdfast/core";

import { checkAddress, checkNeighbour, checkRoute, noSuchLink } from "./checks.ts";
import {
  type AddressRecord,
  createAddressRequest,
  decodeAddress,
  deleteAddressRequest,
  listAddressesRequest,
} from "./codec/address.ts";
import { AF_INET, AF_INET6 } from "./codec/family.ts";
import {
  decodeNeighbour,
  deleteNeighbourRequest,
  listNeighboursRequest,
  replaceNeighbourRequest,
} from "./codec/neighbour.ts";
import {
  decodeRoute,
  deleteRouteRequest,
  listRoutesRequest,
  type RouteRecord,
  replaceRouteRequest,
} from "./codec/route.ts";
import type { InterfaceAddress, Neighbour, Route, RouteFilter } from "./kernel.ts";
import { Errno } from "./libc.ts";
import { linkIndex, linkName } from "./link-names.ts";
import { transactOne } from "./links.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";

export function listAddresses(socket: NetlinkSocket, link?: string): InterfaceAddress[] {
  const rows = listOfLink(socket, link, (index) =>
    socket.dump("list addresses", listAddressesRequest(index), decodeAddress),
  );
  return withLinkNames(socket, rows, (row, link) => namedAddress(row, link));
}

export function namedAddress({ index, ...row }: AddressRecord, link: string): InterfaceAddress {
  assert(index > 0, "the kernel counts links from 1");
  return { link, ...row };
}

export function replaceAddress(socket: NetlinkSocket, address: InterfaceAddress): void {
  checkAddress(address);
  const task = addressTask(address);
  const { link, ...row } = address;
  const record = { ...row, index: requireLink(socket, link, task) };
  if (transactOne(socket, task, createAddressRequest(record), [Errno.EEXIST])) return;
  const stale = sameAddressOtherLength(socket, record);
  if (stale === undefined) return;
  transactOne(socket, task, deleteAddressRequest(stale), [Errno.EADDRNOTAVAIL]);
  transactOne(socket, task, createAddressRequest(record), [Errno.EEXIST]);
}

export function addressTask({ address, length, link }: InterfaceAddress): string {
  return `add address ${address}/${length} to ${link}`;
}

/** IPv6 keeps one length per address and link, where IPv4 would take both. */
function sameAddressOtherLength(socket: NetlinkSocket, wanted: AddressRecord): AddressRecord | undefined {
  if (IpAddress.family(wanted.address) === "v4") return undefined;
  return socket
    .dump("list addresses", listAddressesRequest(wanted.index), decodeAddress)
    .find(
      ({ index, address, length }) => index === wanted.index && address === wanted.address && length !== wanted.length,
    );
}

export function deleteAddress(socket: NetlinkSocket, address: InterfaceAddress): void {
  checkAddress(address);
  const index = linkIndex(socket.fd, address.link);
  if (index === undefined) return;
  const record = { address: address.address, length: address.length, index };
  const task = `remove address ${address.address}/${address.length} from ${address.link}`;
  transactOne(socket, task, deleteAddressRequest(record), [Errno.EADDRNOTAVAIL, Errno.ENODEV]);
}

export function listRoutes(socket: NetlinkSocket, { protocol, family }: RouteFilter): Route[] {
  const families = [...(family === "v6" ? [] : [AF_INET]), ...(family === "v4" ? [] : [AF_INET6])];
  const rows = families.flatMap((each) => dumpRoutes(socket, each, { protocol }));
  const names = linkNames(socket);
  return rows.filter((row) => protocol === undefined || row.protocol === protocol).map((row) => namedRoute(row, names));
}

export function namedRoute({ index, ...route }: RouteRecord, name: (index: number) => string | undefined): Route {
  const link = index === undefined ? undefined : name(index);
  return { ...route, ...(link === undefined ? {} : { link }) };
}

export function replaceRoute(socket: NetlinkSocket, route: Route): void {
  checkRoute(route);
  const task = routeTask(route);
  transactOne(socket, task, replaceRouteRequest(routeRecord(route, requireOptionalLink(socket, route.link, task))));
}

/**
 * A metric that is absent stands for the default. IPv4 cannot be told so in a removal, where 0 means any: without a look first, the
 * second of two removals would take a route of another metric.
 */
export function deleteRoute(socket: NetlinkSocket, route: Route): void {
  checkRoute(route);
  const index = route.link === undefined ? undefined : linkIndex(socket.fd, route.link);
  if (route.link !== undefined && index === undefined) return;
  const record = routeRecord(route, index);
  if (!route.metric && !route.prefix.includes(":") && !hasDefaultMetric(socket, record)) return;
  transactOne(socket, `remove route ${routeText(route)}`, deleteRouteRequest(record), [Errno.ESRCH, Errno.ENODEV]);
}

function hasDefaultMetric(socket: NetlinkSocket, route: RouteRecord): boolean {
  const { protocol, index } = route;
  return dumpRoutes(socket, AF_INET, { protocol, ...(index === undefined ? {} : { index }) }).some(
    (row) => row.prefix === route.prefix && row.metric === undefined,
  );
}

function dumpRoutes(socket: NetlinkSocket, family: number, filter: { protocol?: number | undefined; index?: number }) {
  return socket.dump("list routes", listRoutesRequest(family, filter), decodeRoute, NO_TABLE);
}

/** A namespace that never had a route has no table, and a machine may have no IPv6. */
const NO_TABLE: ReadonlySet<number> = new Set([Errno.ENOENT, Errno.EAFNOSUPPORT, Errno.EOPNOTSUPP]);

export function listNeighbours(socket: NetlinkSocket, link?: string): Neighbour[] {
  const rows = listOfLink(socket, link, (index) =>
    socket.dump("list neighbours", listNeighboursRequest(index), decodeNeighbour),
  );
  const known = rows.flatMap((row) => (row.mac === undefined ? [] : [{ ...row, mac: row.mac }]));
  return withLinkNames(socket, known, ({ address, mac, state }, link) => ({ link, address, mac, state }));
}

export function replaceNeighbour(socket: NetlinkSocket, neighbour: Neighbour): void {
  checkNeighbour(neighbour);
  const task = `set neighbour ${neighbour.address} on ${neighbour.link}`;
  const { address, mac, state } = neighbour;
  const index = requireLink(socket, neighbour.link, task);
  transactOne(socket, task, replaceNeighbourRequest({ address, mac, state, index }));
}

export function deleteNeighbour(socket: NetlinkSocket, neighbour: Neighbour): void {
  const index = linkIndex(socket.fd, neighbour.link);
  if (index === undefined) return;
  const task = `remove neighbour ${neighbour.address} from ${neighbour.link}`;
  const request = deleteNeighbourRequest({ index, address: neighbour.address });
  transactOne(socket, task, request, [Errno.ENOENT, Errno.ENODEV]);
}

/** Names by index, each asked for once. */
export function linkNames(socket: NetlinkSocket): (index: number) => string | undefined {
  const known = new Map<number, string | undefined>();
  return (index) => {
    if (!known.has(index)) known.set(index, linkName(socket.fd, index));
    return known.get(index);
  };
}

/** Rows of one link or, without a name, of all; an absent link has none. Kernels without strict filters give all at any rate. */
function listOfLink<T extends { readonly index: number }>(
  socket: NetlinkSocket,
  link: string | undefined,
  list: (index: number) => T[],
): T[] {
  if (link === undefined) return list(0);
  const index = linkIndex(socket.fd, link);
  return index === undefined ? [] : list(index).filter((row) => row.index === index);
}

/** Rows whose link vanished meanwhile are gone, too. */
function withLinkNames<T extends { readonly index: number }, U>(
  socket: NetlinkSocket,
  rows: readonly T[],
  build: (row: T, name: string) => U,
): U[] {
  const names = linkNames(socket);
  return rows.flatMap((row) => {
    const name = names(row.index);
    return name === undefined ? [] : [build(row, name)];
  });
}

function requireLink(socket: NetlinkSocket, name: string, task: string): number {
  const index = linkIndex(socket.fd, name);
  if (index === undefined) throw noSuchLink(task);
  return index;
}

function requireOptionalLink(socket: NetlinkSocket, name: string | undefined, task: string): number | undefined {
  return name === undefined ? undefined : requireLink(socket, name, task);
}

function routeRecord(route: Route, index: number | undefined): RouteRecord {
  const { link, ...rest } = route;
  assert((link === undefined) === (index === undefined), "a link that is named was looked up");
  return { ...rest, ...(index === undefined ? {} : { index }) };
}

export function routeTask(route: Route): string {
  return `set route ${routeText(route)}`;
}

/** As `ip route` would write it, e.g. `"10.0.0.0/24 via 10.1.0.1 dev eth0 metric 100"`. */
export function routeText(route: Route): string {
  const parts: string[] = [route.prefix];
  if (route.nextHop !== undefined) parts.push("via", route.nextHop);
  if (route.link !== undefined) parts.push("dev", route.link);
  if (route.metric !== undefined) parts.push("metric", String(route.metric));
  return parts.join(" ");
}
