import type { Family } from "@holdfast/core";
import { HoldfastError } from "@holdfast/core";
import type { SubnetPool } from "./subnet-pool.ts";
import type { Wanted } from "./subnet-use.ts";
import { waitText } from "./wait-text.ts";

/** The refusal of a request that none of the subnets it may have has an address for: how full they are, and what helps. */
export function exhausted(
  request: Wanted & { readonly family: Family; readonly now: number },
  subnets: readonly SubnetPool[],
): HoldfastError {
  const { family, now, owner, within } = request;
  if (subnets.length === 0) {
    return new HoldfastError("pool_exhausted", `the network has no ${family} subnet; add one`, { details: { family } });
  }
  const next = Math.min(...subnets.map((subnet) => subnet.nextFreeAt(request) ?? Number.POSITIVE_INFINITY)) - now;
  const cooling = Number.isFinite(next);
  const details = { family, ...(cooling ? { retryAfterMilliseconds: next } : {}) };
  const remedy = cooling ? `the next is free in ${waitText(next)}` : "add a subnet or release claims";
  const which = `${owner === undefined ? "" : ` of ${owner}`}${within === undefined ? "" : ` from ${within.first} to ${within.last}`}`;
  const message = `no ${family} address${which} is free: ${sizesText(subnets, now)}; ${remedy}`;
  return new HoldfastError("pool_exhausted", message, { details, retryable: cooling });
}

function sizesText(subnets: readonly SubnetPool[], now: number): string {
  return subnets
    .map((subnet) => subnet.utilisation(now))
    .map(({ subnet, allocatable, used, cooling, own }) => {
      const kept = own.map((one) => `, ${one.allocatable} of them for ${one.owner}`).join("");
      return `${subnet} has ${allocatable}${kept} (${used} in use, ${cooling} cooling down)`;
    })
    .join(", ");
}
