import { Cidr, type Family, IpAddress, type Name } from "@holdfast/core";
import type { StoredNetwork } from "./records.ts";

/** A prefix of a routed network. */
export interface RoutedPrefix {
  readonly prefix: Cidr;
  readonly tenant: Name;
  readonly network: Name;
}

interface Place extends RoutedPrefix {
  readonly first: bigint;
  readonly last: bigint;
}

/** Prefixes of the routed networks of all tenants. No two of them overlap, so that the two next to a place say whether it is free. */
export class RoutedTable {
  /** By their first addresses. */
  readonly #places: Readonly<Record<Family, Place[]>> = { v4: [], v6: [] };

  /** Takes in a change of a network. Of another kind: nothing. */
  follow(before: StoredNetwork | undefined, after: StoredNetwork | undefined): void {
    const former = prefixesOf(before);
    const present = prefixesOf(after);
    for (const prefix of former) if (!present.includes(prefix)) this.#remove(prefix);
    if (after === undefined) return;
    const { tenant, name: network } = after;
    for (const prefix of present) if (!former.includes(prefix)) this.#add({ prefix, tenant, network });
  }

  /** One that has addresses of this prefix; undefined: none has. */
  overlapping(prefix: Cidr): RoutedPrefix | undefined {
    const places = this.#places[Cidr.family(prefix)];
    const { first, last } = endsOf(prefix);
    const next = placeFrom(places, first);
    const [before, behind] = [places[next - 1], places[next]];
    if (before !== undefined && before.last >= first) return before;
    return behind !== undefined && behind.first <= last ? behind : undefined;
  }

  #add(added: RoutedPrefix): void {
    const places = this.#places[Cidr.family(added.prefix)];
    const ends = endsOf(added.prefix);
    places.splice(placeFrom(places, ends.first), 0, { ...added, ...ends });
  }

  #remove(prefix: Cidr): void {
    const places = this.#places[Cidr.family(prefix)];
    const index = placeFrom(places, endsOf(prefix).first);
    if (places[index]?.prefix === prefix) places.splice(index, 1);
  }
}

function prefixesOf(network: StoredNetwork | undefined): readonly Cidr[] {
  return network?.kind === "routed" ? network.subnets.map(({ prefix }) => prefix) : [];
}

function endsOf(prefix: Cidr): { readonly first: bigint; readonly last: bigint } {
  return { first: IpAddress.toBigInt(Cidr.first(prefix)), last: IpAddress.toBigInt(Cidr.last(prefix)) };
}

/** The index of the first that does not begin before an address. */
function placeFrom(places: readonly Place[], address: bigint): number {
  let [low, high] = [0, places.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((places[middle]?.first ?? address) < address) low = middle + 1;
    else high = middle;
  }
  return low;
}
