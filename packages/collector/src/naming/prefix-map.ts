import { Cidr, type Family, IpAddress } from "@holdfast/core";

/** Values of prefixes of both families. */
export interface PrefixMap<T> {
  set(prefix: Cidr, value: T): void;
  /** The value of the longest prefix that holds the address. */
  find(address: IpAddress): T | undefined;
}

/** One map per length that occurs, longest first: a look costs as many steps as there are lengths. */
export function createPrefixMap<T>(): PrefixMap<T> {
  const families: Readonly<Record<Family, Map<number, Map<bigint, T>>>> = { v4: new Map(), v6: new Map() };
  return {
    set(prefix, value) {
      const family = Cidr.family(prefix);
      const length = Cidr.length(prefix);
      const values = families[family].get(length) ?? new Map<bigint, T>();
      values.set(IpAddress.toBigInt(Cidr.first(prefix)) >> BigInt(IpAddress.bits(family) - length), value);
      if (families[family].has(length)) return;
      families[family].set(length, values);
      const sorted = [...families[family]].sort(([a], [b]) => b - a);
      families[family].clear();
      for (const [each, of] of sorted) families[family].set(each, of);
    },
    find(address) {
      const family = IpAddress.family(address);
      const bits = IpAddress.toBigInt(address);
      for (const [length, values] of families[family]) {
        const value = values.get(bits >> BigInt(IpAddress.bits(family) - length));
        if (value !== undefined) return value;
      }
      return undefined;
    },
  };
}
