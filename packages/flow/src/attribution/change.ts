import { IpAddress, MacAddress } from "@holdfast/core";

/** An endpoint as numbers: what its packets are known by. Numbers of nodes, networks and tenants are whoever's who tells, from 0, each of its own kind. */
export interface PlacedEndpoint {
  /** Names it in what {@link Attribution} says; from 0, and not given again while anybody may ask about its time. */
  readonly number: number;
  readonly node: number;
  readonly network: number;
  readonly tenant: number;
  /** Whether its node samples what it sends: false of networks that no switch carries. */
  readonly isSampled: boolean;
  /** Whether its addresses mean the same outside its tenant: false in an overlay. */
  readonly isRoutable: boolean;
  /** High 16 and low 32 bits. */
  readonly mac: readonly [number, number];
  /** Four words each, see {@link addressWords}. */
  readonly addresses: readonly AddressWords[];
}

/** IPv6, or IPv4 as RFC 4291 section 2.5.5.2 maps it. */
export type AddressWords = readonly [number, number, number, number];

/** News for an attribution; plain data, which can go to another thread. Each may come twice. */
export type InventoryChange =
  /** It has what it is known by from a time on, in milliseconds since 1970. */
  | { readonly kind: "begin"; readonly endpoint: PlacedEndpoint; readonly from: number }
  | { readonly kind: "end"; readonly endpoint: PlacedEndpoint; readonly to: number }
  /** An endpoint that has begun is at an interface of its node from a time on. It has one at a time, and the interface one endpoint. */
  | { readonly kind: "plug"; readonly endpoint: number; readonly ifIndex: number; readonly from: number }
  /** It is at none any more. What ends is at none either. */
  | { readonly kind: "unplug"; readonly endpoint: number; readonly to: number }
  /** A node's exporter calls itself by one of these. It is expected to export from a time on. */
  | { readonly kind: "node"; readonly node: number; readonly agents: readonly AddressWords[]; readonly from: number }
  | { readonly kind: "segment"; readonly segment: Segment; readonly network: number }
  /** Nobody will ask about a time before this one. */
  | { readonly kind: "forget"; readonly before: number };

/** VLAN or VXLAN identifier of a network. */
export interface Segment {
  readonly kind: "vlan" | "vni";
  readonly id: number;
}

export function addressWords(address: IpAddress): AddressWords {
  const v4 = IpAddress.toV4Number(address);
  if (v4 !== undefined) return [0, 0, 0xffff, v4];
  const bits = IpAddress.toBigInt(address);
  const word = (shift: bigint): number => Number((bits >> shift) & 0xffff_ffffn);
  return [word(96n), word(64n), word(32n), word(0n)];
}

export function macWords(mac: MacAddress): readonly [number, number] {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = MacAddress.toBytes(mac);
  return [a * 256 + b, c * 2 ** 24 + d * 2 ** 16 + e * 256 + f];
}
