import { Cidr, type Family, IpAddress } from "@holdfast/core";
import { attribute, viewOf } from "../codec/attributes.ts";
import type { Request } from "../codec/message.ts";
import type { TableFamily } from "./netfilter.ts";

/** Names of linux/netfilter/nfnetlink.h, nf_tables.h and nfnetlink_conntrack.h. Numbers are in network order there. */
export const SUBSYSTEM = { conntrack: 1, tables: 10 } as const;

export const TableMessage = {
  getTable: 1,
  newChain: 3,
  getChain: 4,
  deleteChain: 5,
  newRule: 6,
  getRule: 7,
  deleteRule: 8,
  newSet: 9,
  getSet: 10,
  deleteSet: 11,
  newElement: 12,
  getElement: 13,
  deleteElement: 14,
  newObject: 18,
  getObject: 19,
  deleteObject: 20,
} as const;

/** NFPROTO_… of linux/netfilter.h. */
export const PROTOCOLS: Readonly<Record<TableFamily, number>> = { inet: 1, arp: 3, netdev: 5 };

/** struct nfgenmsg: family u8, version u8, resource u16 in network order. */
export function generic(family: number, resource = 0): Uint8Array {
  return Uint8Array.of(family, 0, resource >>> 8, resource & 0xff);
}

export function messageType(subsystem: number, message: number): number {
  return subsystem * 256 + message;
}

/** A request of a transaction, without the family of its table. */
export function tableRequest(message: number, flags: number, attributes: readonly Uint8Array[]): Request {
  return { type: messageType(SUBSYSTEM.tables, message), flags, body: attributes };
}

export function be32(type: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value >>> 0, false);
  return attribute(type, bytes);
}

/** An element of a set of prefixes: where one begins, or the first address behind its end. */
export interface Bound {
  readonly address: Uint8Array;
  readonly end: boolean;
}

/** A prefix as elements; one that reaches to the last address has no end. */
export function boundsOf(prefix: Cidr): Bound[] {
  const first: Bound = { address: IpAddress.toBytes(Cidr.first(prefix)), end: false };
  const length = Cidr.length(prefix);
  const end = first.address.slice();
  // Plus one at the last bit of the prefix; a carry out of the first byte wraps to zero.
  let carry = length === 0 ? 0 : 1 << (7 - ((length - 1) & 7));
  for (let index = (length - 1) >> 3; index >= 0 && carry > 0; index--) {
    const sum = (end[index] ?? 0) + carry;
    end[index] = sum & 0xff;
    carry = sum >> 8;
  }
  return length === 0 || carry > 0 ? [first] : [first, { address: end, end: true }];
}

/** Elements as prefixes, ascending; `"other"` when they are none. */
export function prefixesOf(family: Family, bounds: readonly Bound[]): readonly Cidr[] | "other" {
  const ordered = bounds
    .toSorted((a, b) => Buffer.compare(a.address, b.address) || Number(b.end) - Number(a.end))
    .map(({ address, end }) => ({ value: numberOf(address), end }));
  const bits = IpAddress.bits(family);
  const prefixes: Cidr[] = [];
  for (let index = 0; index < ordered.length; index++) {
    const start = ordered[index];
    // Of an empty beginning: what nft(8) writes before the first interval.
    if (start === undefined || (start.end && index === 0 && start.value === 0n)) continue;
    if (start.end) return "other";
    const next = ordered[index + 1];
    const end = next?.end ? next.value : 1n << BigInt(bits);
    if (next !== undefined && !next.end) return "other";
    index++;
    const size = end - start.value;
    const length = bits - (size.toString(2).length - 1);
    if ((size & (size - 1n)) !== 0n || start.value % size !== 0n) return "other";
    prefixes.push(Cidr.of(IpAddress.fromBigInt(family, start.value), length));
  }
  return prefixes;
}

function numberOf(address: Uint8Array): bigint {
  const view = viewOf(address);
  if (address.length === 4) return BigInt(view.getUint32(0, false));
  return (view.getBigUint64(0, false) << 64n) | view.getBigUint64(8, false);
}
