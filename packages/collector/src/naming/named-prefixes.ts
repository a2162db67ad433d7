import type { Cidr, IpAddress } from "@holdfast/core";
import { createPrefixMap } from "./prefix-map.ts";

/** A part of the world outside that people have a name for, e.g. `{ name: "office", prefix: "192.0.2.0/24" }`. */
export interface NamedPrefix {
  readonly name: string;
  readonly prefix: Cidr;
}

/** Names an address outside by the longest prefix that holds it; undefined: none does. */
export type NameOutside = (address: IpAddress) => string | undefined;

export function nameByPrefixes(prefixes: readonly NamedPrefix[]): NameOutside {
  const names = createPrefixMap<string>();
  for (const { name, prefix } of prefixes) names.set(prefix, name);
  return names.find;
}
