import { Cidr, IpAddress, MacAddress, Name } from "@holdfast/core";
import type { RemoteEndpoint, WiredNetwork } from "@holdfast/model";
import type { InterfaceAddress, Kernel } from "@holdfast/netlink";
import type { EndpointWiring } from "../driver.ts";

/** Parties of tests, from texts that are easy to read. */

export function ip(text: string): IpAddress {
  return IpAddress.parse(text);
}

/** An address with its length, e.g. `"10.20.0.5/24"`. */
export function on(text: string): { address: IpAddress; length: number } {
  const [address = "", length] = text.split("/");
  return { address: ip(address), length: Number(length) };
}

/** A network whose gateways are the first addresses of its prefixes. */
export function network(
  id: string,
  kind: "vlan" | "vxlan",
  segment: number,
  change: { tenant?: string; mtu?: number; prefixes?: readonly string[] } = {},
): WiredNetwork {
  const {
    tenant = "default",
    mtu = kind === "vlan" ? 1500 : 1450,
    prefixes = ["10.20.0.0/24", "fd00:20::/64"],
  } = change;
  return {
    id,
    tenant: Name.parse(tenant),
    name: Name.parse(`net-${id}`),
    kind,
    segment,
    mtu,
    docker: false,
    subnets: prefixes.map((text) => {
      const prefix = Cidr.parse(text);
      const first = IpAddress.toBigInt(Cidr.first(prefix)) + 1n;
      return { prefix, gateway: IpAddress.fromBigInt(Cidr.family(prefix), first) };
    }),
  };
}

/** The same network as one that the kernel routes. */
export function routed({ id, tenant, name, mtu, docker, subnets }: WiredNetwork): WiredNetwork {
  return { id, tenant, name, kind: "routed", mtu, docker, subnets: subnets.map(({ prefix }) => ({ prefix })) };
}

/** An endpoint with the MAC that belongs to its first address. */
export function wiring(
  id: string,
  network: string,
  addresses: readonly string[],
  change: Partial<EndpointWiring> = {},
): EndpointWiring {
  const parsed = addresses.map(ip);
  const first = parsed[0];
  if (first === undefined) throw new TypeError("an endpoint has an address");
  return { id, network, addresses: parsed, mac: MacAddress.ofAddress(first, 1), epoch: 1, ports: [], ...change };
}

/** How other nodes see an endpoint. */
export function asRemote(endpoint: EndpointWiring, tunnelAddress: string): RemoteEndpoint {
  const { id, network, addresses, mac, epoch } = endpoint;
  return { id, network, addresses: [...addresses], mac, epoch, tunnelAddress: ip(tunnelAddress) };
}

/** Two networks with other tenants' prefixes apart, and a third with the prefix of the second. */
export const TENANTS_NETWORKS = {
  first: network("n7", "vlan", 100),
  other: network("n8", "vxlan", 4711, { prefixes: ["10.30.0.0/24"], tenant: "rival" }),
  twin: network("n9", "vxlan", 4712, { prefixes: ["10.30.0.0/24"], tenant: "third" }),
} as const;

/** The machine's addresses, but those that the kernel gives to links by itself. */
export async function ownAddresses(kernel: Kernel): Promise<readonly InterfaceAddress[]> {
  return (await kernel.listAddresses()).filter(({ address }) => !address.startsWith("fe80:"));
}
