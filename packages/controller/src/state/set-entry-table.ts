import { Cidr, type IpAddress, type Name } from "@holdfast/core";
import { PrefixSet } from "@holdfast/policy";

/** The entries of one address set. */
export interface SetEntries {
  readonly v4: PrefixSet;
  readonly v6: PrefixSet;
}

/** The entries of all address sets, in numbers: a set may have 100,000. */
export class SetEntryTable {
  readonly #sets = new Map<string, SetEntries>();

  size(tenant: Name, set: Name): number {
    const entries = this.#sets.get(`${tenant}/${set}`);
    return entries === undefined ? 0 : entries.v4.size + entries.v6.size;
  }

  includes(tenant: Name, set: Name, prefix: Cidr): boolean {
    return this.#sets.get(`${tenant}/${set}`)?.[Cidr.family(prefix)].includes(prefix) ?? false;
  }

  /** Whether one of the entries covers the address. */
  covers(tenant: Name, set: Name, address: IpAddress): boolean {
    const entries = this.#sets.get(`${tenant}/${set}`);
    return entries !== undefined && (entries.v4.has(address) || entries.v6.has(address));
  }

  *values(tenant: Name, set: Name): Generator<Cidr, void> {
    const entries = this.#sets.get(`${tenant}/${set}`);
    if (entries === undefined) return;
    yield* entries.v4.values();
    yield* entries.v6.values();
  }

  /** False when it was there. */
  add(tenant: Name, set: Name, prefix: Cidr): boolean {
    if (this.includes(tenant, set, prefix)) return false;
    const empty = () => ({ v4: new PrefixSet("v4"), v6: new PrefixSet("v6") });
    this.#sets.getOrInsertComputed(`${tenant}/${set}`, empty)[Cidr.family(prefix)].add(prefix);
    return true;
  }

  /** False when it was not there. */
  delete(tenant: Name, set: Name, prefix: Cidr): boolean {
    if (!this.includes(tenant, set, prefix)) return false;
    this.#sets.get(`${tenant}/${set}`)?.[Cidr.family(prefix)].delete(prefix);
    if (this.size(tenant, set) === 0) this.#sets.delete(`${tenant}/${set}`);
    return true;
  }
}
