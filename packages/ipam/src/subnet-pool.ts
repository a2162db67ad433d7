import { Cidr, HoldfastError, IpAddress } from "@holdfast/core";
import { searchBlock } from "./block-search.ts";
import { OffsetSet } from "./offset-set.ts";
import { SetAsides } from "./set-asides.ts";
import { Shares } from "./shares.ts";
import { type AddressRange, covers, type Span, type SubnetLayout, sizeOf } from "./subnet-layout.ts";
import type { FreeBlock, PoolOptions, SubnetUtilisation, Wanted } from "./subnet-use.ts";
import { waitText } from "./wait-text.ts";

/** Offset from which free blocks are looked for in a large subnet: below, addresses are given one by one. */
const BLOCKS_FROM = 65_536n;

/**
 * The addresses of one subnet. Each is unused, used, released or idle, that is set aside and not in use; "occupied" is all but unused. What is
 * occupied is one bit; what is released is in one of two queues besides, what is idle in a set.
 */
export class SubnetPool {
  #layout: SubnetLayout;
  readonly #options: Required<PoolOptions>;
  readonly #occupied = new OffsetSet();
  readonly #shares: Shares;
  readonly #setAsides = new SetAsides();
  readonly #idle = new OffsetSet();
  #idleCount = 0;
  /** Where the next search for a free block begins. Undefined: none was made yet. */
  #blockCursor: bigint | undefined;
  #used = 0;

  constructor(layout: SubnetLayout, options: Required<PoolOptions>) {
    this.#layout = layout;
    this.#options = options;
    this.#shares = new Shares(layout, this.#occupied, options);
  }

  get layout(): SubnetLayout {
    return this.#layout;
  }

  get used(): number {
    return this.#used;
  }

  /**
   * The next unused address after the one given last; when there is none, the one released longest ago; undefined when none is free. With `owner`
   * one of his ranges, with `within` one of that part, which need not lie in this subnet.
   */
  allocate(now: number, { owner, within }: Wanted = {}): IpAddress | undefined {
    const share = this.#shares.ofOwner(owner);
    if (share === undefined) return undefined;
    this.#shares.advance(share, now);
    const offset =
      within === undefined ? share.next(this.#occupied) : share.nextWithin(this.#occupied, this.#spanOf(within));
    if (offset === undefined) return undefined;
    this.#use(offset);
    if (within === undefined) share.cursor = offset;
    return this.#addressOf(offset);
  }

  /** @throws HoldfastError `address_out_of_range`, `address_in_use`. */
  take(address: IpAddress, now: number, by: { readonly formerOwner: boolean; readonly owner?: string }): void {
    const offset = this.#offsetOf(address);
    const { subnet, ranges, gateway } = this.#layout;
    if (offset === gateway) throw this.#refusal(address, "gateway", `is the gateway of subnet ${subnet.prefix}`);
    if (!covers(ranges, offset)) {
      const message = `${address} is not among the addresses for workloads in subnet ${subnet.prefix}: ${this.rangesText()}`;
      throw new HoldfastError("address_out_of_range", message, { details: { address, subnet: subnet.prefix } });
    }
    if (this.isUsed(address)) throw this.#refusal(address, "used", "is in use");
    const owner = this.#idle.has(offset) ? this.#setAsides.at(offset)?.owner : this.#shares.rangeOwner(offset);
    if (owner !== undefined && owner !== by.owner) {
      throw this.#refusal(address, "set-aside", `is set aside for ${owner}`);
    }
    const wait = (this.#shares.queueWith(offset)?.cooledAt(offset) ?? now) - now;
    if (wait > 0 && !by.formerOwner) {
      throw this.#refusal(address, "cooling", `was released a short time ago; it is free in ${waitText(wait)}`);
    }
    this.#use(offset);
  }

  /** Whether it was in use. */
  release(address: IpAddress, at: number): boolean {
    if (!this.isUsed(address)) return false;
    const offset = this.#offsetOf(address);
    this.#used--;
    if (this.#setAsides.at(offset) === undefined) this.#cool(offset, at);
    else this.#rest(offset);
    this.#shares.advance(this.#shares.common, at);
    return true;
  }

  /** Who the address is set aside for, whether in use or not. */
  ownerOf(address: IpAddress): string | undefined {
    const offset = this.#offsetOf(address);
    return this.#setAsides.at(offset)?.owner ?? this.#shares.rangeOwner(offset);
  }

  /** Whether it is given automatically, to everybody or to this owner of ranges. */
  isAllocatable(address: IpAddress, owner?: string): boolean {
    return this.#shares.ofOwner(owner)?.has(this.#offsetOf(address)) ?? false;
  }

  /** Whether the owner has ranges here. */
  hasOwner(owner: string): boolean {
    return this.#shares.own.has(owner);
  }

  /** @throws HoldfastError `address_in_use`: part of it is another owner's. */
  setAside(range: AddressRange, owner: string): void {
    const span = this.#spanOf(range);
    const present = this.#setAsides.overlapping(span);
    if (present !== undefined && present.owner !== owner) {
      throw this.#refusal(range.first, "set-aside", `to ${range.last}: part of it is set aside for ${present.owner}`);
    }
    this.#setAsides.remove(span);
    this.#setAsides.add({ ...span, owner });
    for (let offset = span.first; offset <= span.last; offset++) {
      if (this.#isUsed(offset) || this.#idle.has(offset)) continue;
      this.#shares.queueWith(offset)?.delete(offset);
      this.#shares.occupy(offset);
      this.#rest(offset);
    }
  }

  /** Ends {@link setAside}; what is not in use cools down from that time. */
  giveUp(range: AddressRange, at: number): void {
    const span = this.#spanOf(range);
    this.#setAsides.remove(span);
    for (let offset = span.first; offset <= span.last; offset++) {
      if (!this.#idle.delete(offset)) continue;
      this.#idleCount--;
      this.#cool(offset, at);
    }
    this.#shares.advance(this.#shares.common, at);
  }

  /** A part of this size, a power of two, in which all that is given automatically is free; undefined when none was found. */
  freeBlock(size: bigint, now: number): FreeBlock | undefined {
    const { allocatable, end, family, start } = this.#layout;
    if (size > end - start + 1n) return undefined;
    this.#shares.advance(this.#shares.common, now);
    const middle = (end - start + 1n) / 2n;
    const from = this.#blockCursor ?? (middle < BLOCKS_FROM ? middle : BLOCKS_FROM);
    const isFree = (offset: bigint) => !this.#occupied.has(offset) || this.#hasCooled(offset, now);
    const { found, next } = searchBlock(allocatable, isFree, { from: from - (from % size), size });
    this.#blockCursor = next;
    if (found === undefined) return undefined;
    const prefix = Cidr.of(this.#addressOf(found.first), IpAddress.bits(family) - (size.toString(2).length - 1));
    const ranges = found.usable.map(({ first, last }) => ({
      first: this.#addressOf(first),
      last: this.#addressOf(last),
    }));
    return { prefix, ranges };
  }

  cancel(address: IpAddress): boolean {
    if (!this.isUsed(address)) return false;
    const offset = this.#offsetOf(address);
    this.#used--;
    if (this.#setAsides.at(offset) === undefined) this.#shares.vacate(offset);
    else this.#rest(offset);
    this.#shares.of(offset)?.takeBack(this.#occupied, offset);
    return true;
  }

  /** By its distance from the first address of the subnet. False when it is in use already. */
  restoreUsed(offset: bigint): boolean {
    if (this.#isUsed(offset)) return false;
    this.#use(offset);
    const share = this.#shares.of(offset);
    if (share !== undefined && offset > share.cursor) share.cursor = offset;
    return true;
  }

  restoreReleased(address: IpAddress, at: number): void {
    const offset = this.#offsetOf(address);
    if (this.#occupied.has(offset)) return;
    this.#shares.occupy(offset);
    this.#cool(offset, at);
  }

  /** Takes over another gateway, ranges and exclusions; what is in use stays so. */
  change(layout: SubnetLayout): void {
    const { gateway } = layout;
    if (gateway !== undefined && gateway !== this.#layout.gateway) {
      const address = this.#addressOf(gateway);
      if (this.isUsed(address)) throw this.#refusal(address, "used", "is in use and cannot become the gateway");
    }
    this.#layout = layout;
    this.#shares.change(layout);
  }

  *usedAddresses(mostLookedAt: number): Generator<IpAddress, void> {
    let left = mostLookedAt;
    for (const offset of this.#occupied.values()) {
      if (left-- <= 0) return;
      if (this.#isUsed(offset)) yield this.#addressOf(offset);
    }
  }

  isUsed(address: IpAddress): boolean {
    return this.#isUsed(this.#offsetOf(address));
  }

  isIdle(address: IpAddress): boolean {
    return this.#idle.has(this.#offsetOf(address));
  }

  isCooling(address: IpAddress, now: number): boolean {
    const offset = this.#offsetOf(address);
    return (this.#shares.queueWith(offset)?.cooledAt(offset) ?? now) > now;
  }

  utilisation(now: number): SubnetUtilisation {
    const { common, own } = this.#shares;
    for (const share of this.#shares.all()) this.#shares.advance(share, now);
    return {
      subnet: this.#layout.subnet.prefix,
      family: this.#layout.family,
      allocatable: [...this.#shares.all()].reduce((sum, { spans }) => sum + sizeOf(spans), 0n),
      used: this.#used,
      cooling: [...this.#shares.queues()].reduce((sum, { cooling }) => sum + cooling, 0),
      setAside: this.#idleCount,
      free: common.free,
      own: Array.from(own, ([owner, { spans, free }]) => ({ owner, allocatable: sizeOf(spans), free })),
    };
  }

  /** When the next released address will have cooled down and be free; undefined when there is none. */
  nextFreeAt({ owner, within }: Wanted = {}): number | undefined {
    const released = this.#shares.ofOwner(owner)?.released;
    if (within === undefined) return released?.oldest()?.cooledAt;
    return released?.oldestWithin(this.#spanOf(within), { cooling: true })?.cooledAt;
  }

  /** e.g. `"10.20.0.10-10.20.0.99, 10.20.1.1"`. */
  rangesText(): string {
    return this.#layout.ranges
      .map(({ first, last }) => [this.#addressOf(first), this.#addressOf(last)])
      .map(([first, last]) => (first === last ? first : `${first}-${last}`))
      .join(", ");
  }

  #use(offset: bigint): void {
    const queue = this.#shares.queueWith(offset);
    if (this.#idle.delete(offset)) this.#idleCount--;
    else if (queue === undefined) this.#shares.occupy(offset);
    else queue.delete(offset);
    this.#used++;
  }

  #isUsed(offset: bigint): boolean {
    return this.#occupied.has(offset) && this.#shares.queueWith(offset) === undefined && !this.#idle.has(offset);
  }

  /** Its owner's, and not in use. */
  #rest(offset: bigint): void {
    if (this.#idle.add(offset)) this.#idleCount++;
  }

  #hasCooled(offset: bigint, now: number): boolean {
    const cooledAt = this.#shares.common.released.cooledAt(offset);
    return cooledAt !== undefined && cooledAt <= now;
  }

  #cool(offset: bigint, at: number): void {
    this.#shares.queueFor(offset).add(offset, at + this.#options.cooldownMilliseconds);
  }

  #refusal(address: IpAddress, reason: "used" | "cooling" | "gateway" | "set-aside", message: string): HoldfastError {
    const details = { address, subnet: this.#layout.subnet.prefix, reason };
    return new HoldfastError("address_in_use", `${address} ${message}`, { details });
  }

  #spanOf({ first, last }: AddressRange): Span {
    return { first: this.#offsetOf(first), last: this.#offsetOf(last) };
  }

  #offsetOf(address: IpAddress): bigint {
    return IpAddress.toBigInt(address) - this.#layout.start;
  }

  #addressOf(offset: bigint): IpAddress {
    return IpAddress.fromBigInt(this.#layout.family, this.#layout.start + offset);
  }
}
