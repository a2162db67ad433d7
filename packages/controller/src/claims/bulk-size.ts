import { Cidr, HoldfastError } from "@holdfast/core";
import { MOST_BULK_ADDRESSES, type NewClaim, type Release } from "@holdfast/model";
import type { NetworkState } from "../state/network-state.ts";
import type { StoredNetwork } from "../state/records.ts";

/** Whether one request may claim all that its items ask for. @throws HoldfastError `invalid_argument`. */
export function checkWanted({ subnets }: StoredNetwork, items: readonly NewClaim[]): void {
  const families = new Set(subnets.map(({ prefix }) => Cidr.family(prefix))).size;
  let sum = 0;
  for (const { addresses, count = 1, subnet, range } of items) {
    const isOfOneFamily = subnet !== undefined || range !== undefined;
    sum += addresses?.length ?? count * (isOfOneFamily ? 1 : families);
  }
  if (sum > MOST_BULK_ADDRESSES) throw tooMany(`the items ask for ${sum} addresses together`);
}

/** Likewise, give back. */
export function checkGivenBack({ claims, addresses }: NetworkState, items: readonly Release[]): void {
  // With one address for each claim there are no more than items; and to look up thousands of claims takes its time.
  if (addresses.size <= Math.max(MOST_BULK_ADDRESSES, claims.size)) return;
  let sum = 0;
  for (const { identity } of items) sum += claims.get(identity)?.addresses.length ?? 0;
  if (sum > MOST_BULK_ADDRESSES) throw tooMany(`the claims have ${sum} addresses together`);
}

function tooMany(what: string): HoldfastError {
  const message = `${what}, and ${MOST_BULK_ADDRESSES} is the most for one request; make several`;
  return new HoldfastError("invalid_argument", message, { details: { field: "items" } });
}
