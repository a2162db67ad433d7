import type { Identity, IpAddress, Name } from "@holdfast/core";
import type { Claim } from "@holdfast/model";
import type { Cooling, StoredNetwork } from "./records.ts";

/** One network with all that is claimed in it. */
export interface NetworkState {
  readonly tenant: Name;
  readonly name: Name;
  /** Absent: only leftovers of a network that was deleted, e.g. resting addresses. */
  record: StoredNetwork | undefined;
  readonly claims: Map<Identity, Claim>;
  readonly addresses: Map<IpAddress, Identity>;
  /** Resting addresses by who had them. */
  readonly restingOf: Map<Identity, Set<IpAddress>>;
  readonly cooling: Map<IpAddress, Cooling & { readonly revision: number }>;
  /** Ids of its endpoints. */
  readonly endpoints: Set<string>;
}

/** By tenant, then by name. */
export type NetworkStates = Map<Name, Map<Name, NetworkState>>;

/** The network's state, made when something of it comes first. */
export function ensureNetwork(networks: NetworkStates, tenant: Name, name: Name): NetworkState {
  const ofTenant = networks.get(tenant) ?? new Map<Name, NetworkState>();
  networks.set(tenant, ofTenant);
  let state = ofTenant.get(name);
  if (state === undefined) {
    state = {
      tenant,
      name,
      record: undefined,
      claims: new Map(),
      addresses: new Map(),
      restingOf: new Map(),
      cooling: new Map(),
      endpoints: new Set(),
    };
    ofTenant.set(name, state);
  }
  return state;
}

/** Drops the state of a network that was deleted and of which nothing is left. */
export function forgetWhenEmpty(networks: NetworkStates, state: NetworkState): void {
  if (state.record !== undefined || state.claims.size > 0 || state.cooling.size > 0 || state.endpoints.size > 0) return;
  const ofTenant = networks.get(state.tenant);
  ofTenant?.delete(state.name);
  if (ofTenant?.size === 0) networks.delete(state.tenant);
}
