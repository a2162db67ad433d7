import { type Cidr, type Family, HoldfastError, IpAddress } from "@holdfast/core";
import { OffsetSet } from "./offset-set.ts";
import { ReleaseQueue } from "./release-queue.ts";
import { covers, type SubnetLayout, sizeOf, spanFrom } from "./subnet-layout.ts";
import { waitText } from "./wait-text.ts";

/** How full a subnet is. */
export interface SubnetUtilisation {
  readonly subnet: Cidr;
  readonly family: Family;
  /** Addresses that can be given automatically: ranges without exclusions and gateway. */
  readonly allocatable: bigint;
  /** Addresses in use, those included that are not allocatable. */
  readonly used: number;
  /** Released addresses that nobody but their former owner can have yet, likewise. */
  readonly cooling: number;
  /** Addresses that would be given automatically now. */
  readonly free: bigint;
}

export interface PoolOptions {
  /** For how long a released address is given to nobody else, in milliseconds. Default 60000. */
  readonly cooldownMilliseconds?: number;
  /**
   * How many released addresses are remembered after that, per subnet, to be given again in the order of their release. Older ones
   * are free as if they had never been used. Default 65536.
   */
  readonly rememberedReleases?: number;
}

/**
 * The addresses of one subnet. Each is unused, used or released; "occupied" is used or released. What is occupied is one bit; what is
 * released is in one of two queues besides.
 */
export class SubnetPool {
  #layout: SubnetLayout;
  readonly #rememberedReleases: number;
  readonly #occupied = new OffsetSet();
  /** What was released and will be given again. */
  readonly #released: ReleaseQueue;
  /** What was released and is only given to who asks for it: forgotten when it has cooled. */
  readonly #releasedAside: ReleaseQueue;
  #used = 0;
  /** How many allocatable addresses are not occupied. */
  #unused: bigint;
  /** The offset that was given last. */
  #cursor = -1n;

  constructor(layout: SubnetLayout, options: Required<PoolOptions>) {
    this.#layout = layout;
    this.#rememberedReleases = options.rememberedReleases;
    this.#released = new ReleaseQueue(options.cooldownMilliseconds);
    this.#releasedAside = new ReleaseQueue(options.cooldownMilliseconds);
    this.#unused = sizeOf(layout.allocatable);
  }

  get layout(): SubnetLayout {
    return this.#layout;
  }

  get used(): number {
    return this.#used;
  }

  /** The next unused address after the one given last; when there is none, the one released longest ago; undefined when none is free. */
  allocate(now: number): IpAddress | undefined {
    this.#advance(now);
    const offset = this.#unused > 0n ? this.#nextUnused() : this.#oldestCooled();
    if (offset === undefined) return undefined;
    this.#use(offset);
    this.#cursor = offset;
    return this.#addressOf(offset);
  }

  /** @throws HoldfastError `address_out_of_range`, `address_in_use`. */
  take(address: IpAddress, now: number, formerOwner: boolean): void {
    const offset = this.#offsetOf(address);
    const { subnet, ranges, gateway } = this.#layout;
    if (offset === gateway) throw this.#refusal(address, "gateway", `is the gateway of subnet ${subnet.prefix}`);
    if (!covers(ranges, offset)) {
      const message = `${address} is not among the addresses for workloads in subnet ${subnet.prefix}: ${this.rangesText()}`;
      throw new HoldfastError("address_out_of_range", message, { details: { address, subnet: subnet.prefix } });
    }
    if (this.isUsed(address)) throw this.#refusal(address, "used", "is in use");
    const wait = (this.#releaseQueueOf(offset)?.cooledAt(offset) ?? now) - now;
    if (wait > 0 && !formerOwner) {
      throw this.#refusal(address, "cooling", `was released a short time ago; it is free in ${waitText(wait)}`);
    }
    this.#use(offset);
  }

  /** Whether it was in use. */
  release(address: IpAddress, at: number): boolean {
    if (!this.isUsed(address)) return false;
    this.#used--;
    this.#cool(this.#offsetOf(address), at);
    this.#advance(at);
    return true;
  }

  restoreUsed(address: IpAddress): void {
    const offset = this.#offsetOf(address);
    if (this.isUsed(address)) throw this.#refusal(address, "used", "is on record twice");
    this.#use(offset);
    if (offset > this.#cursor && covers(this.#layout.allocatable, offset)) this.#cursor = offset;
  }

  restoreReleased(address: IpAddress, at: number): void {
    const offset = this.#offsetOf(address);
    if (this.#occupied.has(offset)) return;
    this.#occupy(offset);
    this.#cool(offset, at);
  }

  /** Takes over another gateway, ranges and exclusions; what is in use stays so. */
  change(layout: SubnetLayout): void {
    const { gateway } = layout;
    if (gateway !== undefined && gateway !== this.#layout.gateway) {
      const address = this.#addressOf(gateway);
      if (this.isUsed(address)) throw this.#refusal(address, "used", "is in use and cannot become the gateway");
    }
    const releases = [...this.#released.releases(), ...this.#releasedAside.releases()];
    for (const { offset } of releases) this.#releaseQueueOf(offset)?.delete(offset);
    this.#layout = layout;
    this.#unused = sizeOf(layout.allocatable);
    for (const { first, last } of layout.allocatable) this.#unused -= BigInt(this.#occupied.count(first, last));
    for (const { offset, at } of releases) this.#cool(offset, at);
  }

  isUsed(address: IpAddress): boolean {
    const offset = this.#offsetOf(address);
    return this.#occupied.has(offset) && this.#releaseQueueOf(offset) === undefined;
  }

  isCooling(address: IpAddress, now: number): boolean {
    const offset = this.#offsetOf(address);
    return (this.#releaseQueueOf(offset)?.cooledAt(offset) ?? now) > now;
  }

  utilisation(now: number): SubnetUtilisation {
    this.#advance(now);
    return {
      subnet: this.#layout.subnet.prefix,
      family: this.#layout.family,
      allocatable: sizeOf(this.#layout.allocatable),
      used: this.#used,
      cooling: this.#released.cooling + this.#releasedAside.cooling,
      free: this.#unused + BigInt(this.#released.cooled),
    };
  }

  /** When the next released address will have cooled down and be free; undefined when there is none. */
  nextFreeAt(): number | undefined {
    return this.#released.oldest()?.cooledAt;
  }

  /** e.g. `"10.20.0.10-10.20.0.99, 10.20.1.1"`. */
  rangesText(): string {
    return this.#layout.ranges
      .map(({ first, last }) => [this.#addressOf(first), this.#addressOf(last)])
      .map(([first, last]) => (first === last ? first : `${first}-${last}`))
      .join(", ");
  }

  #nextUnused(): bigint | undefined {
    const spans = this.#layout.allocatable;
    const start = this.#cursor + 1n;
    const begin = spanFrom(spans, start);
    for (let step = 0; step <= spans.length; step++) {
      const span = spans[(begin + step) % spans.length];
      if (span === undefined) continue;
      const from = step === 0 && span.first < start && start <= span.last ? start : span.first;
      const offset = this.#occupied.nextAbsent(from);
      if (offset <= span.last) return offset;
    }
    return undefined;
  }

  #oldestCooled(): bigint | undefined {
    return this.#released.cooled > 0 ? this.#released.oldest()?.offset : undefined;
  }

  #use(offset: bigint): void {
    const queue = this.#releaseQueueOf(offset);
    if (queue === undefined) this.#occupy(offset);
    else queue.delete(offset);
    this.#used++;
  }

  #occupy(offset: bigint): void {
    if (this.#occupied.add(offset) && covers(this.#layout.allocatable, offset)) this.#unused--;
  }

  #cool(offset: bigint, at: number): void {
    const queue = covers(this.#layout.allocatable, offset) ? this.#released : this.#releasedAside;
    queue.add(offset, at);
  }

  /** Without forgetting, addresses that come and go in a large subnet would pile up without end. */
  #advance(now: number): void {
    this.#released.advance(now);
    this.#releasedAside.advance(now);
    while (this.#released.cooled > this.#rememberedReleases) this.#forgetOldest(this.#released);
    while (this.#releasedAside.cooled > 0) this.#forgetOldest(this.#releasedAside);
  }

  #forgetOldest(queue: ReleaseQueue): void {
    const offset = queue.oldest()?.offset;
    if (offset === undefined) return;
    queue.delete(offset);
    if (this.#occupied.delete(offset) && covers(this.#layout.allocatable, offset)) this.#unused++;
  }

  #releaseQueueOf(offset: bigint): ReleaseQueue | undefined {
    return [this.#released, this.#releasedAside].find((queue) => queue.has(offset));
  }

  #refusal(address: IpAddress, reason: "used" | "cooling" | "gateway", message: string): HoldfastError {
    const details = { address, subnet: this.#layout.subnet.prefix, reason };
    return new HoldfastError("address_in_use", `${address} ${message}`, { details });
  }

  #offsetOf(address: IpAddress): bigint {
    return IpAddress.toBigInt(address) - this.#layout.start;
  }

  #addressOf(offset: bigint): IpAddress {
    return IpAddress.fromBigInt(this.#layout.family, this.#layout.start + offset);
  }
}
