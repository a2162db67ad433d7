import { Cidr, IpAddress } from "@holdfast/core";
import type { WiredNetwork } from "./node-feed.ts";

/**
 * Where containers of routed networks send everything. The machine has these addresses on every node, whatever the network, so that a container
 * that moves keeps its routes.
 */
export const ROUTED_GATEWAYS = { v4: IpAddress.parse("169.254.1.1"), v6: IpAddress.parse("fe80::1") } as const;

/** What an address of a network is in a sandbox. */
export interface Placement {
  /** Of the prefix that is on the link: the subnet's, or, where every address is routed by itself, the whole address. */
  readonly length: number;
  /** Absent: the address has no way out of its link. */
  readonly gateway?: IpAddress;
}

/** What an address of a network is in a sandbox. One that lies in none of its subnets has no gateway and its own length. */
export function placementOf(network: Pick<WiredNetwork, "kind" | "subnets">, address: IpAddress): Placement {
  const family = IpAddress.family(address);
  const whole = IpAddress.bits(family);
  if (network.kind === "routed") return { length: whole, gateway: ROUTED_GATEWAYS[family] };
  const subnet = network.subnets.find(({ prefix }) => Cidr.contains(prefix, address));
  if (subnet === undefined) return { length: whole };
  const length = Cidr.length(subnet.prefix);
  return subnet.gateway === undefined ? { length } : { length, gateway: subnet.gateway };
}
