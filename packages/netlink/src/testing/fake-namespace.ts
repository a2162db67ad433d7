import { Cidr, IpAddress, type MacAddress } from "@holdfast/core";

import type { InterfaceAddress, KernelEvent, Link, Neighbour, Route } from "../kernel.ts";

/** Protocol of the routes that the kernel makes itself, one for each address on a link that is up (RTPROT_KERNEL). */
export const PROTOCOL_KERNEL = 2;
/** Metric of those in IPv6 (IP6_RT_PRIO_ADDRCONF). */
const METRIC_CONNECTED_V6 = 256;

/** A link of the fake kernel. */
export interface FakeLink {
  index: number;
  name: string;
  readonly kind?: string;
  mac?: MacAddress;
  /** Somebody chose the MAC; else the kernel did. */
  macChosen: boolean;
  mtu: number;
  up: boolean;
  alias?: string | undefined;
  group?: number;
  master?: FakeLink | undefined;
  peer?: FakeLink;
  /** Of a pair the end whose creation made both. */
  readonly near: boolean;
  namespace: FakeNamespace;
  offloads: boolean;
}

export type FakeLinkOptions = Pick<FakeLink, "name" | "mtu"> & { kind?: string; mac?: MacAddress; near?: boolean };

/** The tables of one namespace of a fake kernel, and what the kernel itself does to them when links change. */
export class FakeNamespace {
  /** Absent: the namespace of the process. */
  readonly path: string | undefined;
  readonly watchers = new Set<(event: KernelEvent) => void>();
  links: FakeLink[] = [];
  addresses: InterfaceAddress[] = [];
  routes: Route[] = [];
  neighbours: Neighbour[] = [];
  #lastIndex = 0;

  constructor(path?: string) {
    this.path = path;
    this.add({ name: "lo", mtu: 65_536 });
  }

  link(name: string): FakeLink | undefined {
    return this.links.find((link) => link.name === name);
  }

  add(options: FakeLinkOptions): FakeLink {
    const link: FakeLink = {
      ...options,
      index: ++this.#lastIndex,
      near: options.near ?? true,
      macChosen: options.mac !== undefined,
      up: false,
      offloads: true,
      namespace: this,
    };
    this.links.push(link);
    return link;
  }

  /** Takes a link out with all that hangs on it. */
  take(link: FakeLink): void {
    this.setUp(link, false);
    this.#dropAddresses((address) => address.link === link.name);
    this.links = this.links.filter((other) => other !== link);
    for (const member of this.links) if (member.master === link) member.master = undefined;
    this.tell({ kind: "link-gone", index: link.index, name: link.name });
  }

  /** Puts a link from another namespace in: down, nobody's member, under its index when that is free. */
  put(link: FakeLink): void {
    link.namespace = this;
    link.master = undefined;
    if (this.links.some((other) => other.index === link.index)) link.index = ++this.#lastIndex;
    this.#lastIndex = Math.max(this.#lastIndex, link.index);
    this.links.push(link);
  }

  /** Going down a link loses its routes, its neighbours, and its IPv6 addresses; IPv4 addresses stay. */
  setUp(link: FakeLink, up: boolean): void {
    if (link.up === up) return;
    link.up = up;
    if (up) {
      for (const address of this.addresses) if (address.link === link.name) this.#connect(address);
      return;
    }
    // The kernel tells nothing of the routes that go with a link (fib_flush).
    this.routes = this.routes.filter((route) => route.link !== link.name);
    this.forgetNeighbours(link);
    this.#dropAddresses(({ link: name, address }) => name === link.name && IpAddress.family(address) === "v6");
  }

  forgetNeighbours(link: FakeLink): void {
    this.#dropNeighbours((neighbour) => neighbour.link === link.name);
  }

  addAddress(address: InterfaceAddress): void {
    this.addresses.push(address);
    this.tell({ kind: "address", address, gone: false });
    if (this.link(address.link)?.up) this.#connect(address);
  }

  removeAddress(address: InterfaceAddress): void {
    this.#dropAddresses((other) => sameAddress(other, address));
    const connected = connectedRoute(address);
    const shared = this.addresses.some((other) => other.link === address.link && prefixOf(other) === prefixOf(address));
    if (!shared) this.removeRoutes((route) => sameRoute(route, connected));
  }

  putRoute(route: Route): void {
    this.routes = [...this.routes.filter((other) => !sameRoute(other, route)), route];
    this.tell({ kind: "route", route, gone: false });
  }

  removeRoutes(which: (route: Route) => boolean): void {
    const { gone = [], kept = [] } = split(this.routes, which);
    this.routes = kept;
    for (const route of gone) this.tell({ kind: "route", route, gone: true });
  }

  putNeighbour(neighbour: Neighbour): void {
    this.neighbours = [...this.neighbours.filter((other) => !sameNeighbour(other, neighbour)), neighbour];
    this.tell({ kind: "neighbour", neighbour, gone: false });
  }

  removeNeighbour(neighbour: Neighbour): void {
    this.#dropNeighbours((other) => sameNeighbour(other, neighbour));
  }

  /** The link over which a next hop is reached without a further hop. */
  linkTowards(nextHop: IpAddress, link: string | undefined): string | undefined {
    return this.routes.find(
      (route) =>
        route.nextHop === undefined &&
        (link === undefined || route.link === link) &&
        Cidr.contains(Cidr.parse(route.prefix), nextHop),
    )?.link;
  }

  rename(link: FakeLink, name: string): void {
    const renamed = <T extends { readonly link?: string }>(row: T): T =>
      row.link === link.name ? { ...row, link: name } : row;
    this.addresses = this.addresses.map(renamed);
    this.routes = this.routes.map(renamed);
    this.neighbours = this.neighbours.map(renamed);
    link.name = name;
  }

  tellLink(link: FakeLink): void {
    this.tell({ kind: "link", link: observe(link) });
  }

  tell(event: KernelEvent): void {
    for (const watcher of this.watchers) watcher(event);
  }

  #dropAddresses(which: (address: InterfaceAddress) => boolean): void {
    const { gone = [], kept = [] } = split(this.addresses, which);
    this.addresses = kept;
    for (const address of gone) this.tell({ kind: "address", address, gone: true });
  }

  #dropNeighbours(which: (neighbour: Neighbour) => boolean): void {
    const { gone = [], kept = [] } = split(this.neighbours, which);
    this.neighbours = kept;
    for (const neighbour of gone) this.tell({ kind: "neighbour", neighbour, gone: true });
  }

  #connect(address: InterfaceAddress): void {
    const route = connectedRoute(address);
    if (!this.routes.some((other) => sameRoute(other, route)) && address.length < bits(address.address)) {
      this.putRoute(route);
    }
  }
}

function split<T>(rows: readonly T[], which: (row: T) => boolean): { gone?: T[]; kept?: T[] } {
  return Object.groupBy(rows, (row) => (which(row) ? "gone" : "kept"));
}

/** A link as `Kernel` shows it. A veth has a carrier when both ends are up. */
export function observe(link: FakeLink): Link {
  const { index, name, kind, mac, mtu, up, alias, group, master, peer } = link;
  return {
    index,
    name,
    ...(kind === undefined ? {} : { kind }),
    ...(mac === undefined ? {} : { mac }),
    mtu,
    up,
    carrier: up && peer?.up !== false,
    ...(alias ? { alias } : {}),
    ...(group ? { group } : {}),
    ...(master === undefined ? {} : { master: master.index }),
    ...(peer === undefined ? {} : { peer: peer.index }),
  };
}

export function sameAddress(a: InterfaceAddress, b: InterfaceAddress): boolean {
  return a.link === b.link && a.address === b.address && a.length === b.length;
}

/** A route replaces the one of the same prefix and metric, whatever else they say. */
export function sameRoute(a: Route, b: Route): boolean {
  return a.prefix === b.prefix && (a.metric ?? 0) === (b.metric ?? 0);
}

function sameNeighbour(a: Neighbour, b: Neighbour): boolean {
  return a.link === b.link && a.address === b.address;
}

function connectedRoute(address: InterfaceAddress): Route {
  const v6 = IpAddress.family(address.address) === "v6";
  return {
    prefix: prefixOf(address),
    link: address.link,
    protocol: PROTOCOL_KERNEL,
    ...(v6 ? { metric: METRIC_CONNECTED_V6 } : { source: address.address }),
  };
}

function prefixOf(address: InterfaceAddress): Cidr {
  return Cidr.of(address.address, address.length);
}

function bits(address: IpAddress): number {
  return IpAddress.bits(IpAddress.family(address));
}
