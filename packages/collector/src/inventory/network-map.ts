import type { IpAddress } from "@holdfast/core";
import { isInRange, type Network, type Subnet } from "@holdfast/model";
import { createPrefixMap, type PrefixMap } from "../naming/prefix-map.ts";

/** Which addresses the platform gives to containers, and where. */
export interface NetworkMap {
  set(network: Network): void;
  delete(tenant: string, name: string): void;
  get(tenant: string, name: string): Network | undefined;
  readonly size: number;
  /**
   * Whether it is an address of a container, if anybody's: seen from a tenant, or from nowhere in particular. A gateway's and what is never handed out is
   * somebody's outside.
   */
  isInside(address: IpAddress, tenant: string | undefined): boolean;
}

export function createNetworkMap(): NetworkMap {
  const networks = new Map<string, Network>();
  /** By tenant; under no name those that mean the same to all. Made anew after a change, when somebody asks. */
  let prefixes: Map<string | undefined, PrefixMap<Subnet>> | undefined;

  function prefixesOf(tenant: string | undefined): PrefixMap<Subnet> | undefined {
    prefixes ??= mapPrefixes(networks.values());
    return prefixes.get(tenant);
  }

  return {
    set(network) {
      networks.set(`${network.tenant}/${network.name}`, network);
      prefixes = undefined;
    },
    delete(tenant, name) {
      networks.delete(`${tenant}/${name}`);
      prefixes = undefined;
    },
    get: (tenant, name) => networks.get(`${tenant}/${name}`),
    get size() {
      return networks.size;
    },
    isInside(address, tenant) {
      const own = tenant === undefined ? undefined : prefixesOf(tenant)?.find(address);
      const subnet = own ?? prefixesOf(undefined)?.find(address);
      return subnet !== undefined && isHandedOut(subnet, address);
    },
  };
}

/** Outside an overlay, an address means the same to all. */
export function isRoutable(network: Network | undefined): boolean {
  return network !== undefined && network.kind !== "vxlan";
}

function mapPrefixes(networks: Iterable<Network>): Map<string | undefined, PrefixMap<Subnet>> {
  const found = new Map<string | undefined, PrefixMap<Subnet>>();
  const add = (tenant: string | undefined, subnet: Subnet): void => {
    const ofTenant = found.get(tenant) ?? createPrefixMap<Subnet>();
    found.set(tenant, ofTenant);
    ofTenant.set(subnet.prefix, subnet);
  };
  for (const network of networks)
    for (const subnet of network.subnets) {
      add(network.tenant, subnet);
      if (isRoutable(network)) add(undefined, subnet);
    }
  return found;
}

function isHandedOut({ gateway, ranges, exclusions }: Subnet, address: IpAddress): boolean {
  if (address === gateway || exclusions.some((range) => isInRange(range, address))) return false;
  return ranges.length === 0 || ranges.some((range) => isInRange(range, address));
}
