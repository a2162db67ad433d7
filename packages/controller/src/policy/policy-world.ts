import { Cidr, type IpAddress, type Name } from "@holdfast/core";
import { type Claim, labelsOfClaim, type Tenant } from "@holdfast/model";
import type { Member, PolicyNetwork, PolicyTenant, PolicyWorld } from "@holdfast/policy";
import type { StoredNetwork } from "../state/records.ts";
import type { State } from "../state/state.ts";

/** What policies are about, as it is in the controller. */
export function createPolicyWorld(state: State): PolicyWorld {
  const networkOf = (tenant: Name, name: Name) => {
    const record = state.network(tenant, name)?.record;
    return record && policyNetwork(record);
  };
  return {
    tenant: (name) => {
      const tenant = state.tenants.get(name);
      return tenant && policyTenant(tenant);
    },
    network: networkOf,
    *networksAt(address) {
      for (const ofTenant of state.networks.values()) {
        for (const { record } of ofTenant.values()) {
          if (record?.subnets.some(({ prefix }) => Cidr.contains(prefix, address)) === true)
            yield policyNetwork(record);
        }
      }
    },
    policies: (tenant) => state.policies.values(tenant),
    group: (tenant, name) => state.groups.get(tenant, name),
    memberAt: (tenant, address) => memberAt(state, tenant, address),
    addressSetHas: (tenant, set, address) => state.setEntries.covers(tenant, set, address),
  };
}

export function policyTenant({ name, policyDefaults, sharedWith = [] }: Tenant): PolicyTenant {
  return { name, policyDefaults, sharedWith };
}

export function policyNetwork({ tenant, name, kind, subnets, policyDefaults }: StoredNetwork): PolicyNetwork {
  return { tenant, name, kind, prefixes: subnets.map(({ prefix }) => prefix), policyDefaults };
}

export function memberOf(claim: Claim): Member {
  const { tenant, network, identity, group, addresses } = claim;
  return { tenant, network, identity, group, labels: labelsOfClaim(claim), addresses };
}

/** The tenant's claim of an address. */
export function memberAt(state: State, tenant: Name, address: IpAddress): Member | undefined {
  for (const network of state.networks.get(tenant)?.values() ?? []) {
    const identity = network.addresses.get(address);
    const claim = identity === undefined ? undefined : network.claims.get(identity);
    if (claim !== undefined) return memberOf(claim);
  }
  return undefined;
}
