import { Cidr, type Family, HoldfastError, IpAddress } from "@holdfast/core";

/** Addresses from `first` to `last`, both included, e.g. `10.20.0.10` to `10.20.0.99`. */
export interface AddressRange {
  readonly first: IpAddress;
  readonly last: IpAddress;
}

/** Addresses that only one owner is given, automatically and by name. */
export interface OwnRange extends AddressRange {
  /** e.g. `"group db"`. */
  readonly owner: string;
}

/** A subnet as an operator describes it. */
export interface Subnet {
  /** e.g. `"10.20.0.0/16"`. */
  readonly prefix: Cidr;
  /** Never given to a workload. Absent: no address is set aside. */
  readonly gateway?: IpAddress;
  /**
   * What workloads may have. Absent or empty: every host address of the prefix, that is without network and broadcast address in v4
   * (none in /31 and /32, RFC 3021) and without the subnet-router anycast address in v6 (RFC 4291 section 2.6.1; not in /127 and
   * /128, RFC 6164).
   */
  readonly ranges?: readonly AddressRange[];
  /** Never given automatically, but to those who ask for just that address: for what the platform does not manage, until it does. */
  readonly exclusions?: readonly AddressRange[];
  /** What of the ranges belongs to owners; an owner may have several. Absent: everything is for everybody. */
  readonly ownRanges?: readonly OwnRange[];
}

/** Offsets from the first address of the prefix, both included. */
export interface Span {
  readonly first: bigint;
  readonly last: bigint;
}

/** A checked subnet as numbers. */
export interface SubnetLayout {
  readonly subnet: Subnet;
  readonly family: Family;
  /** The first and last address of the prefix as numbers. */
  readonly start: bigint;
  readonly end: bigint;
  readonly gateway: bigint | undefined;
  /** What may be asked for: the ranges, in ascending order, apart from each other. */
  readonly ranges: readonly Span[];
  /** What is given automatically to everybody: the ranges without exclusions, gateway and what belongs to owners, likewise. */
  readonly allocatable: readonly Span[];
  /** What belongs to owners, without exclusions and gateway, likewise. */
  readonly own: ReadonlyMap<string, readonly Span[]>;
}

/** @throws HoldfastError `invalid_argument`: gateway, range or exclusion outside the prefix, upside down, or not a host address. */
export function layOut(subnet: Subnet): SubnetLayout {
  const family = Cidr.family(subnet.prefix);
  const start = IpAddress.toBigInt(Cidr.first(subnet.prefix));
  const hosts = hostSpan(subnet.prefix, family);
  const { ranges = [], exclusions = [] } = subnet;
  const allowed =
    ranges.length === 0 ? [hosts] : merge(ranges.map((range) => spanOf(subnet.prefix, "range", range, hosts)));
  const whole = { first: 0n, last: Cidr.size(subnet.prefix) - 1n };
  const excluded = exclusions.map((range) => spanOf(subnet.prefix, "exclusion", range, whole));
  const gateway = subnet.gateway === undefined ? undefined : gatewayOf(subnet.prefix, subnet.gateway, hosts);
  if (gateway !== undefined) excluded.push({ first: gateway, last: gateway });
  const notGiven = merge(excluded);
  const owned = ownSpans(subnet, allowed, whole);
  return {
    subnet,
    family,
    start,
    end: start + whole.last,
    gateway,
    ranges: allowed,
    allocatable: subtract(allowed, merge([excluded, ...owned.values()].flat())),
    own: new Map(Array.from(owned, ([owner, spans]) => [owner, subtract(merge(spans), notGiven)])),
  };
}

/** How many offsets the spans cover. */
export function sizeOf(spans: readonly Span[]): bigint {
  return spans.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
}

/** Index of the first span that ends at the offset or later; the length when all end before. */
export function spanFrom(spans: readonly Span[], offset: bigint): number {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((spans[middle]?.last ?? 0n) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function covers(spans: readonly Span[], offset: bigint): boolean {
  const span = spans[spanFrom(spans, offset)];
  return span !== undefined && span.first <= offset;
}

/** @throws HoldfastError `invalid_argument`: outside the ranges, or two owners have an address in common. */
function ownSpans({ prefix, ownRanges = [] }: Subnet, allowed: readonly Span[], whole: Span): Map<string, Span[]> {
  const owned = new Map<string, Span[]>();
  const taken: OwnedSpan[] = [];
  for (const range of ownRanges) {
    const { owner } = range;
    const span = spanOf(prefix, "ownRange", range, whole);
    const fail = (reason: string): never => {
      const message = `range ${range.first}-${range.last} of ${owner} in subnet ${prefix} ${reason}`;
      throw new HoldfastError("invalid_argument", message, { details: { field: "ownRange" } });
    };
    if (subtract([span], allowed).length > 0) fail("is not inside the ranges for workloads");
    const rival = taken.find((other) => other.owner !== owner && other.first <= span.last && span.first <= other.last);
    if (rival !== undefined) fail(`overlaps a range of ${rival.owner}`);
    taken.push({ ...span, owner });
    owned.set(owner, [...(owned.get(owner) ?? []), span]);
  }
  return owned;
}

interface OwnedSpan extends Span {
  readonly owner: string;
}

function hostSpan(prefix: Cidr, family: Family): Span {
  const last = Cidr.size(prefix) - 1n;
  if (last <= 1n) return { first: 0n, last };
  return { first: 1n, last: family === "v4" ? last - 1n : last };
}

function gatewayOf(prefix: Cidr, gateway: IpAddress, hosts: Span): bigint {
  return spanOf(prefix, "gateway", { first: gateway, last: gateway }, hosts).first;
}

function spanOf(prefix: Cidr, field: string, range: AddressRange, within: Span): Span {
  const text = range.first === range.last ? range.first : `${range.first}-${range.last}`;
  const fail = (reason: string): never => {
    throw new HoldfastError("invalid_argument", `${field} ${text} of subnet ${prefix} ${reason}`, {
      details: { field },
    });
  };
  if (!Cidr.contains(prefix, range.first) || !Cidr.contains(prefix, range.last)) fail("is not inside the subnet");
  const start = IpAddress.toBigInt(Cidr.first(prefix));
  const first = IpAddress.toBigInt(range.first) - start;
  const last = IpAddress.toBigInt(range.last) - start;
  if (first > last) fail("ends before it begins");
  if (first < within.first) fail(`includes ${Cidr.first(prefix)}, which is no host's address`);
  if (last > within.last) fail(`includes ${Cidr.last(prefix)}, the broadcast address`);
  return { first, last };
}

/** In ascending order, with what overlaps or touches joined. */
function merge(spans: readonly Span[]): readonly Span[] {
  const merged: Span[] = [];
  for (const span of spans.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    const before = merged.at(-1);
    if (before === undefined || span.first > before.last + 1n) merged.push(span);
    else if (span.last > before.last) merged[merged.length - 1] = { first: before.first, last: span.last };
  }
  return merged;
}

/** What is left of the spans without the holes; both in ascending order and apart. */
function subtract(spans: readonly Span[], holes: readonly Span[]): readonly Span[] {
  const left: Span[] = [];
  for (const span of spans) {
    let { first } = span;
    for (let index = spanFrom(holes, first); index < holes.length; index++) {
      const hole = holes[index];
      if (hole === undefined || hole.first > span.last) break;
      if (hole.first > first) left.push({ first, last: hole.first - 1n });
      first = hole.last + 1n;
    }
    if (first <= span.last) left.push({ first, last: span.last });
  }
  return left;
}
