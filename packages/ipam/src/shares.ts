import { IpAddress } from "@holdfast/core";
import type { OffsetSet } from "./offset-set.ts";
import { ReleaseQueue } from "./release-queue.ts";
import { SetAsides } from "./set-asides.ts";
import { Share } from "./share.ts";
import type { Span, SubnetLayout } from "./subnet-layout.ts";
import type { PoolOptions } from "./subnet-use.ts";

/**
 * Who is given which addresses of a subnet automatically: everybody the common ones, an owner of ranges his own. What was released and is given to
 * nobody unasked rests aside. What is occupied is in the set of the subnet, and counted here.
 */
export class Shares {
  readonly #occupied: OffsetSet;
  readonly #options: Pick<Required<PoolOptions>, "rememberedReleases">;
  #common: Share;
  #own: ReadonlyMap<string, Share>;
  /** What belongs to owners of ranges. */
  #ranges: SetAsides;
  /** What was released and is only given to who asks for it: forgotten when it has cooled. */
  readonly releasedAside = new ReleaseQueue();

  constructor(layout: SubnetLayout, occupied: OffsetSet, options: Pick<Required<PoolOptions>, "rememberedReleases">) {
    this.#occupied = occupied;
    this.#options = options;
    this.#common = this.#shareWith(layout.allocatable);
    this.#own = this.#sharesOf(layout);
    this.#ranges = rangesOf(layout);
  }

  get common(): Share {
    return this.#common;
  }

  get own(): ReadonlyMap<string, Share> {
    return this.#own;
  }

  /** Undefined: the owner has no ranges here. */
  ofOwner(owner: string | undefined): Share | undefined {
    return owner === undefined ? this.#common : this.#own.get(owner);
  }

  /** The share that gives the offset; undefined: it is not given automatically. */
  of(offset: bigint): Share | undefined {
    if (this.#common.has(offset)) return this.#common;
    const share = this.#own.get(this.rangeOwner(offset) ?? "");
    return share?.has(offset) === true ? share : undefined;
  }

  /** Whose range the offset lies in. */
  rangeOwner(offset: bigint): string | undefined {
    return this.#ranges.at(offset)?.owner;
  }

  /** The queue that the offset comes into when it is released. */
  queueFor(offset: bigint): ReleaseQueue {
    return this.of(offset)?.released ?? this.releasedAside;
  }

  /** The queue that the offset is in; undefined: it is not released. */
  queueWith(offset: bigint): ReleaseQueue | undefined {
    const queue = this.queueFor(offset);
    return queue.has(offset) ? queue : undefined;
  }

  /** All that is given automatically. */
  *all(): Generator<Share> {
    yield this.#common;
    yield* this.#own.values();
  }

  *queues(): Generator<ReleaseQueue> {
    for (const { released } of this.all()) yield released;
    yield this.releasedAside;
  }

  occupy(offset: bigint): void {
    if (!this.#occupied.add(offset)) return;
    const share = this.of(offset);
    if (share !== undefined) share.unused--;
  }

  vacate(offset: bigint): void {
    if (!this.#occupied.delete(offset)) return;
    const share = this.of(offset);
    if (share !== undefined) share.unused++;
  }

  /** Notices what has cooled by now. Without forgetting, addresses that come and go in a large subnet would pile up without end. */
  advance({ released }: Share, now: number): void {
    released.advance(now);
    this.releasedAside.advance(now);
    while (released.cooled > this.#options.rememberedReleases) this.#forgetOldest(released);
    while (this.releasedAside.cooled > 0) this.#forgetOldest(this.releasedAside);
  }

  /** Takes over another layout: what was released goes on cooling, and each share goes on where it was. */
  change(layout: SubnetLayout): void {
    const releases = [...this.queues()].flatMap((queue) => [...queue.releases()]);
    for (const { offset } of releases) this.releasedAside.delete(offset);
    const { cursor } = this.#common;
    const cursors = new Map(Array.from(this.#own, ([owner, share]) => [owner, share.cursor]));
    this.#common = this.#shareWith(layout.allocatable, cursor);
    this.#own = this.#sharesOf(layout, cursors);
    this.#ranges = rangesOf(layout);
    releases.sort((a, b) => a.cooledAt - b.cooledAt);
    for (const { offset, cooledAt } of releases) this.queueFor(offset).add(offset, cooledAt);
  }

  #forgetOldest(queue: ReleaseQueue): void {
    const offset = queue.oldest()?.offset;
    if (offset === undefined) return;
    queue.delete(offset);
    this.vacate(offset);
  }

  #shareWith(spans: readonly Span[], cursor = -1n): Share {
    const share = new Share(spans);
    for (const { first, last } of spans) share.unused -= BigInt(this.#occupied.count(first, last));
    share.cursor = cursor;
    return share;
  }

  #sharesOf({ own }: SubnetLayout, cursors?: ReadonlyMap<string, bigint>): ReadonlyMap<string, Share> {
    return new Map(Array.from(own, ([owner, spans]) => [owner, this.#shareWith(spans, cursors?.get(owner))]));
  }
}

function rangesOf({ subnet, start }: SubnetLayout): SetAsides {
  const ranges = new SetAsides();
  for (const { first, last, owner } of subnet.ownRanges ?? []) {
    const span = { first: IpAddress.toBigInt(first) - start, last: IpAddress.toBigInt(last) - start };
    ranges.remove(span);
    ranges.add({ ...span, owner });
  }
  return ranges;
}
