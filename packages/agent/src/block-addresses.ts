import { Cidr, type Family, type IpAddress } from "@holdfast/core";
import { addressesOf } from "@holdfast/model";
import type { Book } from "./book.ts";
import type { HeldBlock } from "./held-block.ts";
import { networkKey } from "./local-endpoint.ts";

/** What the book says of the addresses of this node's blocks. It is asked each time: there is nothing besides it that could differ from it. */
export interface BlockAddresses {
  /** Blocks of a network that addresses are given from, the oldest first. */
  blocksOf(network: string, family: Family): readonly HeldBlock[];
  /**
   * The address to give next; undefined: there is none. Blocks are used up in the order in which they came, so that the last ones become empty again;
   * in each, what was never in use goes first, then what was released longest ago, when it has rested for the cool-down in milliseconds.
   */
  next(network: string, family: Family, cooldown: number): IpAddress | undefined;
  /** Whether more than so many could be given at this moment. */
  hasMoreThan(count: number, network: string, family: Family, cooldown: number): boolean;
  /** Whether no endpoint in the book, not even one whose end has to be reported yet, has an address of it. */
  isEmpty(block: HeldBlock): boolean;
}

/** Where a block is looked through from, so that giving its addresses does not take the longer the more of them are in use. */
interface Search {
  readonly addresses: readonly IpAddress[];
  /** Index of the first to look at: those before it were in use when it was given. */
  start: number;
  /** When its addresses were released last; of `list`, which a block has until another is released. */
  releases?: { readonly list: HeldBlock["released"]; readonly times: ReadonlyMap<IpAddress, number> };
  /** What the last look found, when it found none to give. */
  none?: Exhaustion | undefined;
}

/** Nothing can be given, unless an endpoint has gone meanwhile or what was released has rested. */
interface Exhaustion {
  /** {@link Book.departures} at that time. */
  readonly departures: number;
  readonly cooldown: number;
  /** When the first will have rested, epoch milliseconds. */
  readonly until: number;
}

interface Free {
  readonly address: IpAddress;
  /** When it was in use last, epoch milliseconds; undefined: never. */
  readonly usedUntil: number | undefined;
  readonly index: number;
}

export function createBlockAddresses(book: Book, now: () => number): BlockAddresses {
  const searches = new WeakMap<HeldBlock["ranges"], Search>();

  function searchOf(block: HeldBlock): Search {
    const search = searches.get(block.ranges) ?? { addresses: [...addressesOf(block)], start: 0 };
    searches.set(block.ranges, search);
    return search;
  }

  function blocksOf(network: string, family: Family): readonly HeldBlock[] {
    return [...book.blocks.values()]
      .filter((block) => networkKey(block) === network && Cidr.family(block.prefix) === family)
      .filter(({ givingBack, returning = false }) => !givingBack && !returning)
      .sort((a, b) => a.since - b.since || (a.id < b.id ? -1 : 1));
  }

  /** Addresses of the block that may be given. */
  function* free(block: HeldBlock, cooldown: number): Iterable<Free> {
    const search = searchOf(block);
    const time = now();
    const { departures } = book;
    const { none } = search;
    if (none?.departures === departures && none.cooldown === cooldown && time < none.until) return;
    const network = networkKey(block);
    const released = releasesOf(block, search);
    const { addresses, start } = search;
    let soonest = Number.POSITIVE_INFINITY;
    for (let step = 0; step < addresses.length; step++) {
      const index = (start + step) % addresses.length;
      const address = addresses[index];
      if (address === undefined) continue;
      const holder = book.holderOf(network, address);
      if (holder !== undefined && (holder.phase !== "released" || holder.conflicts !== undefined)) continue;
      const [until, since] = [released.get(address), holder?.since];
      const usedUntil = until === undefined || since === undefined ? (until ?? since) : Math.max(until, since);
      const from = usedUntil === undefined ? time : usedUntil + cooldown;
      soonest = Math.min(soonest, from);
      if (from <= time) yield { address, usedUntil, index };
    }
    if (soonest > time) search.none = { departures, cooldown, until: soonest };
  }

  return {
    blocksOf,

    next(network, family, cooldown) {
      for (const block of blocksOf(network, family)) {
        let oldest: { address: IpAddress; usedUntil: number } | undefined;
        for (const { address, usedUntil, index } of free(block, cooldown)) {
          if (usedUntil === undefined) {
            searchOf(block).start = index;
            return address;
          }
          if (oldest === undefined || usedUntil < oldest.usedUntil) oldest = { address, usedUntil };
        }
        if (oldest !== undefined) return oldest.address;
      }
      return undefined;
    },

    hasMoreThan(count, network, family, cooldown) {
      let found = 0;
      for (const block of blocksOf(network, family)) {
        for (const _ of free(block, cooldown)) if (++found > count) return true;
      }
      return false;
    },

    isEmpty(block) {
      for (const address of searchOf(block).addresses) {
        if (book.holderOf(networkKey(block), address) !== undefined) return false;
      }
      return true;
    },
  };
}

function releasesOf({ released: list }: HeldBlock, search: Search): ReadonlyMap<IpAddress, number> {
  if (search.releases?.list !== list) {
    search.releases = { list, times: new Map(list.map(({ address, at }) => [address, at])) };
  }
  return search.releases.times;
}
