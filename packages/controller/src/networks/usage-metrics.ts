import type { Metrics } from "../metrics.ts";
import type { Platform } from "../platform.ts";
import { sumOf, usageOfSubnets } from "./usage.ts";

/** Series grow with the networks; of more than these, only those with the most claimed addresses are shown. */
const MOST_NETWORKS = 500;
const MOST_TENANTS = 500;
const FAMILIES = ["v4", "v6"] as const;
const STATES = ["capacity", "used", "held", "cooling", "quarantined", "setAside", "free"] as const;

/** Sets the gauges of how full networks are and how near tenants are to their quotas. */
export function setUsageMetrics(metrics: Metrics, platform: Pick<Platform, "state" | "pools" | "counts">): void {
  metrics.replace("network_addresses", networkSeries(platform));
  metrics.replace("tenant_quota", quotaSeries(platform));
}

function networkSeries({ state, pools, counts }: Pick<Platform, "state" | "pools" | "counts">): [string, number][] {
  const networks = [...state.networks.values()].flatMap((ofTenant) => [...ofTenant.values()]);
  const shown = networks
    .filter(({ record }) => record !== undefined)
    .sort((a, b) => counts.ofNetwork(b) - counts.ofNetwork(a))
    .slice(0, MOST_NETWORKS);
  return shown.flatMap((network) => {
    const subnets = usageOfSubnets({ pools, counts }, network);
    return FAMILIES.flatMap((family): [string, number][] => {
      const usage = sumOf(subnets, family);
      if (usage.capacity === "0" && usage.used === "0") return [];
      const labels = `tenant="${network.tenant}",network="${network.name}",family="${family}"`;
      return STATES.map((one) => [`${labels},state="${one === "setAside" ? "set_aside" : one}"`, Number(usage[one])]);
    });
  });
}

function quotaSeries({ state, counts }: Pick<Platform, "state" | "counts">): [string, number][] {
  const limited = [...state.tenants.values()].filter(({ quotas }) => quotas !== undefined).slice(0, MOST_TENANTS);
  return limited.flatMap(({ name, quotas = {} }) => {
    const { claims, addresses } = counts.ofTenant(name);
    const lines = [
      ["claims", quotas.claims, claims],
      ["addresses", quotas.addresses, addresses],
    ] as const;
    return lines.flatMap(([quota, limit, used]): [string, number][] => {
      if (limit === undefined) return [];
      const labels = `tenant="${name}",quota="${quota}"`;
      return [
        [`${labels},value="limit"`, limit],
        [`${labels},value="used"`, used],
      ];
    });
  });
}
