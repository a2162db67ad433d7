import type { Family, IpAddress, MacAddress } from "@holdfast/core";

/**
 * The part of the kernel's routing and link tables that Holdfast uses, for one network namespace (rtnetlink(7), ethtool ioctl).
 *
 * Creating what is already right and removing what is absent are successes. Everything else the kernel refuses is a `KernelError`
 * (`kernel_rejected`) with errno, its name, the extended-ack text and the object in the message.
 */
export interface Kernel {
  listLinks(): Promise<readonly Link[]>;
  getLink(name: string): Promise<Link | undefined>;
  /** Both ends in this namespace unless `peerNamespace` is given; both down unless asked. */
  createVeth(options: VethOptions): Promise<void>;
  /** A link is what has the name now: after a rename or a move, repeating it is ENODEV. */
  setLink(name: string, change: LinkChange): Promise<void>;
  deleteLink(name: string): Promise<void>;

  /** Of a link that is absent: none. */
  listAddresses(link?: string): Promise<readonly InterfaceAddress[]>;
  /**
   * In IPv6 another length of the same address is replaced, and there is no duplicate address detection; in IPv4 both stay. One that is there keeps
   * its scope.
   */
  replaceAddress(address: InterfaceAddress): Promise<void>;
  deleteAddress(address: InterfaceAddress): Promise<void>;

  /** Routes of the main table; with a filter, only what it names. */
  listRoutes(filter?: RouteFilter): Promise<readonly Route[]>;
  /** Takes the place of the route with the same prefix and metric, whoever's it is. */
  replaceRoute(route: Route): Promise<void>;
  /** Only one of the same prefix, metric and protocol, and next hop and link where given. */
  deleteRoute(route: Route): Promise<void>;

  /**
   * Several changes in one message to the kernel, in their order, each as its own function would do it. Those after one that is refused are tried,
   * too; a link that is absent is found out before any.
   *
   * @throws KernelError the first refusal.
   */
  apply(changes: readonly KernelChange[]): Promise<void>;

  /** Those with a MAC. Of a link that is absent: none. */
  listNeighbours(link?: string): Promise<readonly Neighbour[]>;
  replaceNeighbour(neighbour: Neighbour): Promise<void>;
  deleteNeighbour(neighbour: Neighbour): Promise<void>;

  /** Turns off checksum and segmentation offloads (tx-checksum, scatter-gather, tso, gso, gro), which a userspace switch cannot follow. */
  disableOffloads(link: string): Promise<void>;

  /**
   * Changes of links, addresses, routes and neighbours from now on, until the signal is aborted. `overrun` means: list again. However many watch, the
   * kernel tells once.
   */
  watch(signal: AbortSignal): AsyncIterable<KernelEvent>;

  /**
   * The same tables inside another network namespace, by path, e.g. `"/var/run/docker/netns/1a2b"`.
   *
   * @throws HoldfastError `not_found` when there is no such file, `invalid_argument` when it is no network namespace.
   */
  enter(namespacePath: string): Promise<Kernel>;

  /** Ends the watches, too. What `enter` gave keeps its namespace with all links alive until it is closed. */
  close(): Promise<void>;
}

export interface Link {
  readonly index: number;
  readonly name: string;
  /** `"veth"`, `"tun"`, `"openvswitch"`, …; absent for hardware. */
  readonly kind?: string;
  readonly mac?: MacAddress;
  /** Bytes. */
  readonly mtu: number;
  /** IFF_UP: somebody wants it up. */
  readonly up: boolean;
  /** IFF_LOWER_UP: there is a carrier; a veth has one when both ends are up. */
  readonly carrier: boolean;
  /** Free text of at most 255 bytes that survives us: how a restarted agent knows its own links. */
  readonly alias?: string;
  /** A number that rules of nftables can ask for (`iifgroup`). Absent: 0. */
  readonly group?: number;
  /** Index of the bridge or VRF it is a member of. */
  readonly master?: number;
  /** Index of the other end of a veth, in whatever namespace it is. */
  readonly peer?: number;
}

/** Settings of a link under `net.ipv4.conf` (Documentation/networking/ip-sysctl.rst), by their names. */
export interface Ipv4Settings {
  /** 1: what comes from a source to which no route leads back over this link is dropped (strict, RFC 3704). */
  readonly rp_filter?: 0 | 1 | 2;
  /** 1: addresses of 127/8 may be behind the link. */
  readonly route_localnet?: 0 | 1;
}

export interface VethOptions {
  readonly name: string;
  /** Of the near end. Absent: the kernel makes one up. */
  readonly mac?: MacAddress;
  readonly peer: string;
  readonly peerMac?: MacAddress;
  /** Path of the namespace the peer is born in. Absent: this one. */
  readonly peerNamespace?: string;
  /** Bytes, both ends. */
  readonly mtu: number;
  /** Of the near end. */
  readonly alias?: string;
  /** Near end up at once. */
  readonly up?: boolean;
  /** Of the near end, before it is up. Of a veth that is there already they are not looked at. */
  readonly ipv4?: Ipv4Settings;
}

/** Only what is named changes. */
export interface LinkChange {
  readonly up?: boolean;
  readonly mtu?: number;
  readonly mac?: MacAddress;
  /** Empty takes it away. */
  readonly alias?: string;
  /** 0 takes it away. */
  readonly group?: number;
  readonly name?: string;
  /** Path of the namespace to move to. */
  readonly namespace?: string;
  /** Name of the bridge or VRF; null leaves it. */
  readonly master?: string | null;
}

export interface InterfaceAddress {
  readonly link: string;
  readonly address: IpAddress;
  /** Prefix length in bits. */
  readonly length: number;
  /** IPv4 only: `link` is taken as the source of nothing that leaves through other links. Absent, also in lists: valid everywhere. */
  readonly scope?: "link";
}

export interface Route {
  /** CIDR text, `0.0.0.0/0` or `::/0` for the default route. */
  readonly prefix: string;
  /** `unreachable`: it leads nowhere, has neither next hop nor link, and who sends there is told (RTN_UNREACHABLE). Absent: unicast. */
  readonly type?: "unreachable";
  readonly nextHop?: IpAddress;
  readonly link?: string;
  /** rtm_protocol; Holdfast's own is {@link ROUTE_PROTOCOL}. */
  readonly protocol: number;
  /** IPv4 only. Absent, also in lists: link without a next hop, global with one. */
  readonly scope?: "global" | "link" | "host";
  /** The lower wins. Absent, also in lists: the kernel's default, which is 0 in IPv4 and 1024 in IPv6. */
  readonly metric?: number;
  readonly source?: IpAddress;
  /** Bytes; absent: the link's. */
  readonly mtu?: number;
}

export type KernelChange =
  | { readonly kind: "up"; readonly link: string }
  | { readonly kind: "address"; readonly address: InterfaceAddress }
  | { readonly kind: "route"; readonly route: Route };

export interface RouteFilter {
  readonly protocol?: number;
  /** Of the prefix. */
  readonly family?: Family;
}

export interface Neighbour {
  readonly link: string;
  readonly address: IpAddress;
  readonly mac: MacAddress;
  readonly state: "permanent" | "reachable" | "stale" | "other";
}

export type KernelEvent =
  | { readonly kind: "link"; readonly link: Link }
  | { readonly kind: "link-gone"; readonly index: number; readonly name: string }
  | { readonly kind: "address"; readonly address: InterfaceAddress; readonly gone: boolean }
  /** The kernel tells nothing of IPv4 routes that go because their link does: take the link's event for it. */
  | { readonly kind: "route"; readonly route: Route; readonly gone: boolean }
  | { readonly kind: "neighbour"; readonly neighbour: Neighbour; readonly gone: boolean }
  /** The socket's buffer was full and events were lost (ENOBUFS): list again. */
  | { readonly kind: "overrun" };

/** `rtm_protocol` of every route of ours: how a restarted agent knows them. Free in iproute2's rt_protos. */
export const ROUTE_PROTOCOL = 253;
