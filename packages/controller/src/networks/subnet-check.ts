import { Cidr, HoldfastError, IpAddress, type Name } from "@holdfast/core";
import {
  type GroupRange,
  type NetworkKind,
  type NewSubnet,
  type Range,
  ROUTED_GATEWAYS,
  type Subnet,
} from "@holdfast/model";
import { invalidField } from "../refusals.ts";

/** Prefixes in which no container can have an address (RFC 6890, RFC 5771, RFC 4291). */
const UNUSABLE: readonly (readonly [Cidr, string])[] = [
  [Cidr.parse("0.0.0.0/8"), "this network"],
  [Cidr.parse("127.0.0.0/8"), "loopback"],
  [Cidr.parse("169.254.0.0/16"), "link-local"],
  [Cidr.parse("224.0.0.0/4"), "multicast"],
  [Cidr.parse("240.0.0.0/4"), "reserved"],
  [Cidr.parse("::/8"), "unspecified and loopback"],
  [Cidr.parse("fe80::/10"), "link-local"],
  [Cidr.parse("ff00::/8"), "multicast"],
];

/**
 * A subnet as it will be kept: checked, its gateway chosen.
 *
 * @param at path of the subnet in the request, e.g. `"subnets.0."` or `""`
 * @throws HoldfastError `invalid_argument`, naming the field.
 */
export function checkedSubnet(given: NewSubnet, at: string, kind: NetworkKind): Subnet {
  const { prefix } = given;
  const unusable = UNUSABLE.find(([reserved]) => Cidr.overlap(reserved, prefix));
  if (unusable) throw invalidField(`${at}prefix`, `${prefix} overlaps ${unusable[0]}, which is for ${unusable[1]}`);
  const gateway = kind === "routed" ? noGateway(given, at) : gatewayOf(given, at);
  checkRanges(prefix, given.ranges, `${at}ranges`);
  checkHostsOnly(prefix, given.ranges, `${at}ranges`);
  checkRanges(prefix, given.exclusions, `${at}exclusions`);
  const { groupRanges = [] } = given;
  checkGroupRanges(given, groupRanges, { field: `${at}groupRanges`, others: [] });
  const kept = groupRanges.length === 0 ? {} : { groupRanges };
  const subnet = { prefix, ranges: given.ranges, exclusions: given.exclusions, ...kept };
  return gateway === undefined ? subnet : { ...subnet, gateway };
}

/**
 * Checks ranges that are to belong to groups against the subnet, each other, and those that belong to others already.
 *
 * @throws HoldfastError `invalid_argument`, naming the field.
 */
export function checkGroupRanges(
  { prefix, ranges }: Pick<Subnet, "prefix" | "ranges">,
  given: readonly GroupRange[],
  { field, others }: { readonly field: string; readonly others: readonly GroupRange[] },
): void {
  checkRanges(prefix, given, field);
  checkHostsOnly(prefix, given, field);
  for (const [index, range] of given.entries()) {
    const text = `${range.first}-${range.last}`;
    const rival = others.find((other) => overlap(other, range));
    if (rival !== undefined) {
      const message = `${text} overlaps ${rival.first}-${rival.last} of group ${rival.group}`;
      throw invalidField(`${field}.${index}`, message);
    }
    if (ranges.length === 0 || ranges.some((one) => isInside(one, range))) continue;
    throw invalidField(`${field}.${index}`, `${text} is not inside a range that ${prefix} hands out`);
  }
}

/** Whether two ranges have an address in common. */
export function overlap(one: Range, other: Range): boolean {
  if (IpAddress.family(one.first) !== IpAddress.family(other.first)) return false;
  return (
    IpAddress.toBigInt(one.first) <= IpAddress.toBigInt(other.last) &&
    IpAddress.toBigInt(other.first) <= IpAddress.toBigInt(one.last)
  );
}

function isInside(outer: Range, inner: Range): boolean {
  return (
    IpAddress.toBigInt(outer.first) <= IpAddress.toBigInt(inner.first) &&
    IpAddress.toBigInt(inner.last) <= IpAddress.toBigInt(outer.last)
  );
}

/** Whether the address names the network or everybody in it, and so nobody can have it (RFC 1122; not in /31, RFC 3021; RFC 4291 section 2.6.1). */
export function isReservedInPrefix(prefix: Cidr, address: IpAddress): boolean {
  const size = Cidr.size(prefix);
  if (size <= 2n) return false;
  if (address === Cidr.first(prefix)) return true;
  return Cidr.family(prefix) === "v4" && address === Cidr.last(prefix);
}

/**
 * @param others prefixes of the tenant's networks; one network's own prefixes must not overlap either
 * @throws HoldfastError `conflict`, naming the field and the other network.
 */
export function checkOverlap(
  prefix: Cidr,
  field: string,
  others: Iterable<{ readonly prefix: Cidr; readonly network: Name }>,
): void {
  for (const other of others) {
    if (!Cidr.overlap(prefix, other.prefix)) continue;
    throw new HoldfastError(
      "conflict",
      `${field}: ${prefix} overlaps ${other.prefix} of network ${other.network}; choose another prefix`,
      { details: { field, network: other.network, prefix: other.prefix } },
    );
  }
}

/** Containers send to an address that every machine has, so a routed prefix keeps none for that. */
function noGateway({ gateway }: NewSubnet, at: string): undefined {
  if (gateway === null || gateway === undefined) return undefined;
  const { v4, v6 } = ROUTED_GATEWAYS;
  const text = `a routed network has no gateway in its prefixes, for its containers send to ${v4} and ${v6}; leave it out`;
  throw invalidField(`${at}gateway`, text);
}

function gatewayOf({ prefix, gateway }: NewSubnet, at: string): IpAddress | undefined {
  if (gateway === null) return undefined;
  if (gateway === undefined) return defaultGateway(prefix);
  const field = `${at}gateway`;
  if (!Cidr.contains(prefix, gateway)) throw invalidField(field, `${gateway} is not in ${prefix}`);
  if (isReservedInPrefix(prefix, gateway)) {
    throw invalidField(field, `${gateway} is the network or broadcast address of ${prefix}`);
  }
  return gateway;
}

/** The first address that a machine can have; none in a prefix of one address. */
function defaultGateway(prefix: Cidr): IpAddress | undefined {
  const size = Cidr.size(prefix);
  if (size === 1n) return undefined;
  const first = IpAddress.toBigInt(Cidr.first(prefix));
  return IpAddress.fromBigInt(Cidr.family(prefix), size === 2n ? first : first + 1n);
}

function checkRanges(prefix: Cidr, ranges: readonly Range[], field: string): void {
  const sorted = ranges.map((range, index) => {
    for (const end of ["first", "last"] as const) {
      if (!Cidr.contains(prefix, range[end])) {
        throw invalidField(`${field}.${index}.${end}`, `${range[end]} is not in ${prefix}`);
      }
    }
    const [first, last] = [IpAddress.toBigInt(range.first), IpAddress.toBigInt(range.last)];
    if (first > last) throw invalidField(`${field}.${index}`, `${range.first} comes after ${range.last}`);
    return { index, first, last };
  });
  sorted.sort((a, b) => (a.first < b.first ? -1 : 1));
  for (const [position, range] of sorted.entries()) {
    const next = sorted[position + 1];
    if (next === undefined || range.last < next.first) continue;
    const later = Math.max(range.index, next.index);
    throw invalidField(`${field}.${later}`, `overlaps ${field}.${Math.min(range.index, next.index)}`);
  }
}

function checkHostsOnly(prefix: Cidr, ranges: readonly Range[], field: string): void {
  for (const [index, range] of ranges.entries()) {
    for (const end of ["first", "last"] as const) {
      if (!isReservedInPrefix(prefix, range[end])) continue;
      throw invalidField(`${field}.${index}.${end}`, `${range[end]} is the network or broadcast address of ${prefix}`);
    }
  }
}

/** Whether the address is one of those that are handed out by themselves. */
export function isAllocatable(subnet: Subnet, address: IpAddress): boolean {
  if (!Cidr.contains(subnet.prefix, address) || address === subnet.gateway) return false;
  if (isReservedInPrefix(subnet.prefix, address)) return false;
  const value = IpAddress.toBigInt(address);
  const inside = ({ first, last }: Range) => IpAddress.toBigInt(first) <= value && value <= IpAddress.toBigInt(last);
  if (subnet.ranges.length > 0 && !subnet.ranges.some(inside)) return false;
  return !subnet.exclusions.some(inside);
}
