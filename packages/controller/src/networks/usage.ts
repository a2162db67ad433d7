import { Cidr, type Family, type Name } from "@holdfast/core";
import type { AddressUsage, NetworkUsage, SubnetUsage, TenantUsage } from "@holdfast/model";
import { quarantinedIn } from "../claims/quarantine.ts";
import type { Platform } from "../platform.ts";
import { notFound, requireNetwork } from "../refusals.ts";
import type { NetworkState } from "../state/network-state.ts";

/** How full subnets, networks and tenants are: from counters, so that it costs as much as there are subnets, however many claims there are. */
export interface Usage {
  /** @throws HoldfastError `not_found`. */
  ofNetwork(tenant: Name, network: Name): NetworkUsage;
  /** @throws HoldfastError `not_found`. */
  ofTenant(tenant: Name): TenantUsage;
}

export function createUsage({ state, pools, counts }: Pick<Platform, "state" | "pools" | "counts">): Usage {
  return {
    ofNetwork(tenant, name) {
      const { network } = requireNetwork(state, tenant, name);
      const subnets = usageOfSubnets({ pools, counts }, network);
      return {
        tenant,
        network: name,
        claims: network.claims.size,
        v4: sumOf(subnets, "v4"),
        v6: sumOf(subnets, "v6"),
        subnets: [...subnets],
      };
    },

    ofTenant(name) {
      const tenant = state.tenants.get(name);
      if (tenant === undefined) throw notFound(`tenant ${name}`);
      const networks = [...(state.networks.get(name)?.values() ?? [])].filter(({ record }) => record !== undefined);
      const subnets = networks.flatMap((network) => usageOfSubnets({ pools, counts }, network));
      return {
        tenant: name,
        networks: networks.length,
        ...counts.ofTenant(name),
        ...(tenant.quotas === undefined ? {} : { quotas: tenant.quotas }),
        v4: sumOf(subnets, "v4"),
        v6: sumOf(subnets, "v6"),
      };
    },
  };
}

/** In the order of the network's subnets. */
export function usageOfSubnets(
  { pools, counts }: Pick<Platform, "pools" | "counts">,
  network: NetworkState,
): readonly SubnetUsage[] {
  const apart = [...quarantinedIn(network)].filter((address) => !network.addresses.has(address));
  const inPool = new Map(pools.utilisation(network).map((one) => [one.subnet, one]));
  return (network.record?.subnets ?? []).map(({ prefix, draining }) => {
    const { allocatable = 0n, cooling = 0, setAside = 0, free = 0n, own = [] } = inPool.get(prefix) ?? {};
    const quarantined = apart.filter((address) => Cidr.contains(prefix, address)).length;
    const { used, held } = counts.ofSubnet(network, prefix);
    return {
      prefix,
      capacity: String(allocatable),
      used: String(used),
      held: String(held),
      cooling: String(cooling),
      quarantined: String(quarantined),
      // To the pool, both are addresses that not everybody may have.
      setAside: String(setAside - quarantined),
      free: draining === undefined ? String(own.reduce((sum, one) => sum + one.free, free)) : "0",
      ...(draining === undefined ? {} : { drainingSince: draining.since }),
    };
  });
}

/** All subnets of a family together. */
export function sumOf(subnets: readonly SubnetUsage[], family: Family): AddressUsage {
  const ofFamily = subnets.filter(({ prefix }) => Cidr.family(prefix) === family);
  const sum = (state: keyof AddressUsage) => String(ofFamily.reduce((all, one) => all + BigInt(one[state]), 0n));
  return {
    capacity: sum("capacity"),
    used: sum("used"),
    held: sum("held"),
    cooling: sum("cooling"),
    quarantined: sum("quarantined"),
    setAside: sum("setAside"),
    free: sum("free"),
  };
}
