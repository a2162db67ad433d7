import { Cidr, HoldfastError } from "@holdfast/core";
import { formatNetworkKey, type NetworkKey, parseNetworkKey } from "./network-key.ts";

/** What a PoolID of ours says: the same request always gives the same id, and no table is needed to read it. */
export interface Pool extends NetworkKey {
  readonly prefix: Cidr;
}

/** `"default/web/10.20.0.0/16"`. */
export function formatPoolId(pool: Pool): string {
  return `${formatNetworkKey(pool)}/${pool.prefix}`;
}

/** @throws HoldfastError `invalid_argument`. */
export function parsePoolId(text: string): Pool {
  const match = /^([^/]+\/[^/]+)\/([^/]+\/\d+)$/.exec(text);
  if (match === null) {
    throw new HoldfastError("invalid_argument", `not a pool of holdfast: ${JSON.stringify(text.slice(0, 200))}`);
  }
  return { ...parseNetworkKey(match[1] ?? ""), prefix: Cidr.parse(match[2] ?? "") };
}
