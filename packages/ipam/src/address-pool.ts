import { Cidr, type Family, HoldfastError, IpAddress } from "@holdfast/core";
import { exhausted } from "./exhausted.ts";
import { type AddressRange, layOut, type Subnet } from "./subnet-layout.ts";
import { SubnetPool } from "./subnet-pool.ts";
import type { FreeBlock, PoolOptions, SubnetUtilisation, Wanted } from "./subnet-use.ts";

/** An address with the subnet that it lies in. */
export interface Allocation {
  readonly address: IpAddress;
  readonly subnet: Cidr;
}

/** Which address will do. `now` is the time in milliseconds since 1970. */
export interface AllocateRequest extends Wanted {
  readonly family: Family;
  /** Absent: any of the family. */
  readonly subnet?: Cidr | undefined;
  readonly now: number;
}

/** `set-aside`: not in use, and only its owner's; `outside`: in no subnet of the pool. */
export type AddressState = "unused" | "used" | "cooling" | "set-aside" | "outside";

/**
 * The addresses of one network: which are in use, and which to give next. Nothing but state: no I/O, no clock, no chance; the same calls
 * give the same addresses. Who uses an address is the caller's affair.
 *
 * `now` is the time in milliseconds since 1970 in all calls.
 */
export class AddressPool {
  /** Shared with the subnets. */
  readonly #options: { -readonly [K in keyof Required<PoolOptions>]: Required<PoolOptions>[K] };
  /** In the order in which they were added, which is the order in which they are used up. */
  readonly #subnets = new Map<Cidr, SubnetPool>();

  private constructor(options: Required<PoolOptions>) {
    this.#options = options;
  }

  /** @throws HoldfastError as {@link addSubnet}. */
  static create(subnets: readonly Subnet[], options: PoolOptions = {}): AddressPool {
    const { cooldownMilliseconds = 60_000, rememberedReleases = 65_536 } = options;
    checkCount("cooldownMilliseconds", cooldownMilliseconds);
    checkCount("rememberedReleases", rememberedReleases);
    const pool = new AddressPool({ cooldownMilliseconds, rememberedReleases });
    for (const subnet of subnets) pool.addSubnet(subnet);
    return pool;
  }

  /**
   * Gives an address that nobody has: the next after the one given last that has not been used, and when there is none the one released
   * longest ago. Subnets are used up in the order in which they were added, unless one is named. With `owner` one of the ranges that belong to
   * him, without one that belongs to nobody; with `within` the first of that stretch, which lies in one subnet.
   *
   * @throws HoldfastError `pool_exhausted`: none is free (`retryable` when one is cooling down, with `retryAfterMilliseconds` in the
   * details); `not_found`: there is no such subnet, or the owner has no range there; `address_out_of_range`: the stretch lies in no subnet.
   */
  allocate(request: AllocateRequest): Allocation {
    const candidates = this.#candidates(request);
    for (const subnet of candidates) {
      const address = subnet.allocate(request.now, request);
      if (address !== undefined) return { address, subnet: subnet.layout.subnet.prefix };
    }
    throw exhausted(request, candidates);
  }

  /**
   * Takes just this address. `formerOwner` says that it is asked for by who had it last, who need not wait until it has cooled down;
   * `owner` whose it is among what is set aside.
   *
   * @throws HoldfastError `address_out_of_range`: not among the ranges (they are named); `address_in_use`: with the `reason` in
   * the details: `used`, `cooling`, `set-aside` or `gateway`.
   */
  take(
    address: IpAddress,
    now: number,
    options: { readonly formerOwner?: boolean; readonly owner?: string } = {},
  ): Allocation {
    const subnet = this.#subnetOf(address);
    subnet.take(address, now, { formerOwner: false, ...options });
    return { address, subnet: subnet.layout.subnet.prefix };
  }

  /** Gives an address back; it then cools down. Whether it was in use; giving back what is not in use changes nothing. */
  release(address: IpAddress, now: number): boolean {
    return this.#find(address)?.release(address, now) ?? false;
  }

  /**
   * Takes back an address that was given or taken and that nobody came to have: it is unused, without a cool-down, and the next to be
   * given when it was given last. Whether it was in use. What is taken back in the opposite order leaves the pool as it was.
   */
  cancel(address: IpAddress): boolean {
    return this.#find(address)?.cancel(address) ?? false;
  }

  /**
   * Records that an address is in use, when starting from stored records, in any order. It may lie outside today's ranges. The
   * highest one counts as the one given last.
   *
   * @throws HoldfastError `address_out_of_range`: in no subnet; `address_in_use`: two records have it.
   */
  restore(address: IpAddress): Allocation {
    const subnet = this.#subnetOf(address);
    if (!subnet.restoreUsed(IpAddress.toBigInt(address) - subnet.layout.start)) {
      const details = { address, subnet: subnet.layout.subnet.prefix, reason: "used" };
      throw new HoldfastError("address_in_use", `${address} is on record twice`, { details });
    }
    return { address, subnet: subnet.layout.subnet.prefix };
  }

  /** {@link restore} for many. Those that lie in no subnet are left out, and one that is there twice is in use once. */
  restoreAll(addresses: Iterable<IpAddress>): void {
    for (const address of addresses) {
      const value = IpAddress.toBigInt(address);
      const subnet = this.#at(IpAddress.family(address), value);
      subnet?.restoreUsed(value - subnet.layout.start);
    }
  }

  /** Records that an address was released at a time, likewise, so that a restart does not end its cool-down. No effect on one in use. */
  restoreReleased(address: IpAddress, releasedAt: number): void {
    this.#find(address)?.restoreReleased(address, releasedAt);
  }

  /**
   * A part of the pool that may be set aside as a whole: `size` addresses, a power of two, aligned to it, of which all that are given automatically
   * are free and at least half are. Undefined: none was found. A search looks at 4096 parts of a subnet and the next one goes on where it ended, so
   * that in a large subnet that is nearly full a later search may find what this one did not.
   */
  freeBlock(request: {
    readonly family: Family;
    readonly size: number;
    readonly subnets: readonly Cidr[];
    readonly now: number;
  }): FreeBlock | undefined {
    for (const [prefix, subnet] of this.#subnets) {
      if (subnet.layout.family !== request.family || !request.subnets.includes(prefix)) continue;
      const found = subnet.freeBlock(BigInt(request.size), request.now);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /**
   * Sets addresses aside: nobody gets one automatically, and only who names this owner can {@link take} one. Those in use stay so, and when they are
   * released they are set aside again and do not cool down here: when one may be used again is its owner's affair.
   *
   * @throws HoldfastError `address_out_of_range`: in no subnet; `address_in_use`: part of it is set aside for another owner.
   */
  setAside(range: AddressRange, owner: string): void {
    this.#subnetOf(range.first).setAside(range, owner);
  }

  /** Ends {@link setAside} for addresses; those not in use cool down from `at`. No effect on what was not set aside. */
  giveUp(range: AddressRange, at: number): void {
    this.#find(range.first)?.giveUp(range, at);
  }

  /** Who the address is set aside for, whether it is in use or not; undefined: nobody. */
  ownerOf(address: IpAddress): string | undefined {
    return this.#find(address)?.ownerOf(address);
  }

  /** Whether the address is one that {@link allocate} gives, sooner or later: to everybody, or to this owner of ranges. */
  isAllocatable(address: IpAddress, owner?: string): boolean {
    return this.#find(address)?.isAllocatable(address, owner) ?? false;
  }

  /** Whether an owner has ranges in subnets of a family. */
  hasOwner(owner: string, family: Family): boolean {
    return this.#named(family, undefined).some((subnet) => subnet.hasOwner(owner));
  }

  /**
   * Adds a subnet, or changes gateway, ranges and exclusions of the one with this prefix, and whose its ranges are. No address in use is disturbed, also when it
   * lies outside the ranges afterwards.
   *
   * @throws HoldfastError `invalid_argument`: it overlaps another subnet, or contradicts itself; `address_in_use`: the new gateway
   * is in use.
   */
  addSubnet(subnet: Subnet): void {
    const layout = layOut(subnet);
    const present = this.#subnets.get(subnet.prefix);
    if (present !== undefined) {
      present.change(layout);
      return;
    }
    for (const prefix of this.#subnets.keys()) {
      if (!Cidr.overlap(prefix, subnet.prefix)) continue;
      const details = { field: "prefix" };
      throw new HoldfastError("invalid_argument", `subnet ${subnet.prefix} overlaps subnet ${prefix}`, { details });
    }
    this.#subnets.set(subnet.prefix, new SubnetPool(layout, this.#options));
  }

  /**
   * Removes a subnet; removing an absent one is no error.
   *
   * @throws HoldfastError `in_use`: addresses in it are in use (it says how many).
   */
  removeSubnet(prefix: Cidr): void {
    const used = this.#subnets.get(prefix)?.used ?? 0;
    if (used > 0) {
      const message = `subnet ${prefix} cannot be removed: ${used} of its addresses are in use; release them first`;
      throw new HoldfastError("in_use", message, { details: { subnet: prefix, used } });
    }
    this.#subnets.delete(prefix);
  }

  /** For what is released from now on; what is cooling down goes on as it began. @throws HoldfastError `invalid_argument`. */
  setCooldown(milliseconds: number): void {
    checkCount("cooldownMilliseconds", milliseconds);
    this.#options.cooldownMilliseconds = milliseconds;
  }

  stateOf(address: IpAddress, now: number): AddressState {
    const subnet = this.#find(address);
    if (subnet === undefined) return "outside";
    if (subnet.isUsed(address)) return "used";
    if (subnet.isIdle(address)) return "set-aside";
    return subnet.isCooling(address, now) ? "cooling" : "unused";
  }

  /**
   * Addresses of a subnet that are in use, in no order; none of an unknown one. While they are read, others may come and go. With `mostLookedAt`, not
   * all: released ones that are remembered lie between them, and are looked at, too.
   */
  usedOf(prefix: Cidr, mostLookedAt = Number.POSITIVE_INFINITY): Iterable<IpAddress> {
    return this.#subnets.get(prefix)?.usedAddresses(mostLookedAt) ?? [];
  }

  /** How full each subnet is, in the order in which they were added. */
  utilisation(now: number): readonly SubnetUtilisation[] {
    return [...this.#subnets.values()].map((subnet) => subnet.utilisation(now));
  }

  #candidates({ family, subnet: prefix, owner, within }: AllocateRequest): readonly SubnetPool[] {
    const named = within === undefined ? this.#named(family, prefix) : [this.#covering(within)];
    const own = owner === undefined ? named : named.filter((subnet) => subnet.hasOwner(owner));
    if (own.length > 0 || owner === undefined) return own;
    const where = prefix === undefined ? "the network" : `subnet ${prefix}`;
    throw new HoldfastError("not_found", `${where} has no ${family} range of ${owner}; add one`, {
      details: { family },
    });
  }

  #named(family: Family, prefix: Cidr | undefined): readonly SubnetPool[] {
    if (prefix === undefined) return [...this.#subnets.values()].filter((subnet) => subnet.layout.family === family);
    const subnet = this.#subnets.get(prefix);
    if (subnet !== undefined && subnet.layout.family === family) return [subnet];
    const known = [...this.#subnets.keys()].join(", ") || "none";
    throw new HoldfastError("not_found", `the network has no ${family} subnet ${prefix}; its subnets: ${known}`);
  }

  #covering({ first, last }: AddressRange): SubnetPool {
    const subnet = this.#subnetOf(first);
    if (this.#find(last) === subnet) return subnet;
    const message = `${first}-${last} does not lie in one subnet: ${first} is in ${subnet.layout.subnet.prefix}, ${last} is not`;
    throw new HoldfastError("address_out_of_range", message, { details: { address: last } });
  }

  #find(address: IpAddress): SubnetPool | undefined {
    return this.#at(IpAddress.family(address), IpAddress.toBigInt(address));
  }

  #at(family: Family, value: bigint): SubnetPool | undefined {
    for (const subnet of this.#subnets.values()) {
      const { layout } = subnet;
      if (layout.family === family && layout.start <= value && value <= layout.end) return subnet;
    }
    return undefined;
  }

  #subnetOf(address: IpAddress): SubnetPool {
    const subnet = this.#find(address);
    if (subnet !== undefined) return subnet;
    const ranges = [...this.#subnets.values()].map((one) => `${one.layout.subnet.prefix} (${one.rangesText()})`);
    const message = `${address} is in no subnet of the network: ${ranges.join("; ") || "it has none"}`;
    throw new HoldfastError("address_out_of_range", message, { details: { address } });
  }
}

function checkCount(field: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new HoldfastError("invalid_argument", `${field} is a whole number from 0, not ${value}`, {
    details: { field },
  });
}
