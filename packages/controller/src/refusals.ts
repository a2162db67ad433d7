import { HoldfastError, type Identity, type IpAddress, type Name } from "@holdfast/core";
import type { Claim } from "@holdfast/model";
import type { Caller } from "./state/change.ts";
import type { NetworkState } from "./state/network-state.ts";
import type { StoredNetwork } from "./state/records.ts";
import type { State } from "./state/state.ts";

/** An error about one field of a request, e.g. `("subnets.0.prefix", "host bits are set …")`. */
export function invalidField(field: string, message: string): HoldfastError {
  return new HoldfastError("invalid_argument", `${field}: ${message}`, { details: { field } });
}

/** @throws HoldfastError `precondition_failed` unless the caller's If-Match is the object's revision. */
export function checkIfMatch(caller: Caller, what: string, revision: number): void {
  if (caller.ifMatch === undefined || caller.ifMatch === revision) return;
  throw new HoldfastError(
    "precondition_failed",
    `${what} is at revision ${revision}, not ${caller.ifMatch}; read it again and decide anew`,
    { details: { revision, ifMatch: caller.ifMatch } },
  );
}

export function notFound(what: string, remedy?: string): HoldfastError {
  return new HoldfastError(
    "not_found",
    remedy === undefined ? `there is no ${what}` : `there is no ${what}; ${remedy}`,
  );
}

/** @throws HoldfastError `not_found`, naming the tenant when that is what is missing. */
export function requireNetwork(
  state: State,
  tenant: Name,
  network: Name,
): { readonly network: NetworkState; readonly record: StoredNetwork } {
  const found = state.network(tenant, network);
  if (found?.record !== undefined) return { network: found, record: found.record };
  if (!state.tenants.has(tenant)) throw notFound(`tenant ${tenant}`);
  throw notFound(`network ${network} in tenant ${tenant}`);
}

/** What names a claim. */
export interface ClaimName {
  readonly tenant: Name;
  readonly network: Name;
  readonly identity: Identity;
}

/** @throws HoldfastError `not_found`, naming the network when that is what is missing. */
export function requireClaim(state: State, { tenant, network, identity }: ClaimName): Claim {
  const claim = requireNetwork(state, tenant, network).network.claims.get(identity);
  if (claim === undefined) throw notFound(`claim ${identity} in network ${tenant}/${network}`);
  return claim;
}

/** Refusal because an endpoint has the claim, with all that an operator needs to find it. */
export function boundError(claim: Claim, remedy: string): HoldfastError {
  const { node, endpoint, since } = claim.binding ?? { node: "", endpoint: "", since: "" };
  return new HoldfastError(
    "claim_bound",
    `${claim.identity} (${claim.addresses.join(", ")}) is bound on node ${node} by endpoint ${endpoint} since ${since}; ${remedy}`,
    { details: { identity: claim.identity, address: claim.addresses[0] ?? "", node, endpoint, since } },
  );
}

/** Refuses what would add to a network that is being removed. */
export function checkOpen(record: StoredNetwork): void {
  if (record.closing?.includes("*") !== true) return;
  throw new HoldfastError("conflict", `network ${record.tenant}/${record.name} is being deleted`, { retryable: true });
}

/** Who has an address, for the message and the details of a refusal. */
export function ownerOf(network: NetworkState, address: IpAddress) {
  const identity = network.addresses.get(address);
  const binding = identity === undefined ? undefined : network.claims.get(identity)?.binding;
  const where = binding === undefined ? "" : ` on node ${binding.node} (endpoint ${binding.endpoint})`;
  return {
    text: `${identity}${where}`,
    details: {
      ...(identity === undefined ? {} : { identity }),
      ...(binding === undefined ? {} : { node: binding.node, endpoint: binding.endpoint, since: binding.since }),
    },
  };
}
