import { attribute, nestedAttribute } from "../codec/attributes.ts";
import { type Bound, be32 } from "./codec.ts";
import { type Verdict, verdictData } from "./expressions.ts";

/** What sets and maps are made of: NFT_SET_… and NFTA_SET_ELEM_… of linux/netfilter/nf_tables.h. */

export const SET_FLAGS = { unnamed: 1, constant: 2, intervals: 4, map: 8 } as const;
/** As nft(8) knows types of keys, by which it prints them. */
export const ADDRESS_KEYS = { v4: { type: 7, bytes: 4 }, v6: { type: 8, bytes: 16 } } as const;
/** The note from which nft(8) learns that keys are in network order. */
export const KEY_IN_NETWORK_ORDER = Uint8Array.of(0, 4, 2, 0, 0, 0);

const INTERVAL_END = 1;

/** A key, in a map with where it leads. */
export function keyElement(key: Uint8Array, verdict?: Verdict): Uint8Array {
  const data = nestedAttribute(1, [attribute(1, key)]);
  return nestedAttribute(1, verdict === undefined ? [data] : [data, verdictData(2, verdict)]);
}

/** Of a set of intervals: where one begins, or the first key behind its end. */
export function boundElement({ address, end }: Bound): Uint8Array {
  if (!end) return keyElement(address);
  return nestedAttribute(1, [nestedAttribute(1, [attribute(1, address)]), be32(3, INTERVAL_END)]);
}
