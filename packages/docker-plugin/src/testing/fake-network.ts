import { Cidr, IpAddress, Name } from "@holdfast/core";
import type { WiredNetwork } from "@holdfast/model";

/** A network for tests, e.g. `fakeNetwork("web", ["10.20.0.0/16"])`; the gateway of each subnet is its first address but one. */
export function fakeNetwork(name: string, prefixes: readonly string[], rest: Partial<WiredNetwork> = {}): WiredNetwork {
  const subnets = prefixes.map((text) => {
    const prefix = Cidr.parse(text);
    return { prefix, gateway: nthAddress(prefix, 1n) };
  });
  return {
    id: `n-${name}`,
    tenant: Name.parse("default"),
    name: Name.parse(name),
    kind: "vlan",
    segment: 100,
    mtu: 1500,
    subnets,
    docker: true,
    ...rest,
  };
}

/** The address of a prefix at an index, counted from its first. */
export function nthAddress(prefix: Cidr, index: bigint): IpAddress {
  return IpAddress.fromBigInt(Cidr.family(prefix), IpAddress.toBigInt(Cidr.first(prefix)) + index);
}

/** A network that the kernel routes. */
export function fakeRoutedNetwork(name: string, prefixes: readonly string[]): WiredNetwork {
  const { id, tenant, mtu, docker, subnets } = fakeNetwork(name, prefixes);
  const bare = subnets.map(({ prefix }) => ({ prefix }));
  return { id, tenant, name: Name.parse(name), kind: "routed", mtu, docker, subnets: bare };
}
