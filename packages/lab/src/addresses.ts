import { Cidr, HoldfastError, IpAddress } from "@holdfast/core";

/** Where everything of a lab has its address. All labs use the same: they cannot see each other. */
export interface LabAddresses {
  /** The network of `mgmt0`, in every host and in `control`, e.g. `"192.168.77.0/24"`. */
  readonly management: Cidr;
  /** The untagged network of the uplinks, for tunnels between hosts, e.g. `"192.168.78.0/24"`; the router is its gateway. */
  readonly underlay: Cidr;
}

/** What a lab uses when it is not told otherwise. */
export const DEFAULT_ADDRESSES: LabAddresses = {
  management: Cidr.parse("192.168.77.0/24"),
  underlay: Cidr.parse("192.168.78.0/24"),
};

/** The n-th address of a network, e.g. `("192.168.77.0/24", 2)` gives `192.168.77.2`. */
export function nthAddress(cidr: Cidr, n: number): IpAddress {
  if (BigInt(n) >= Cidr.size(cidr) - 1n) {
    throw new HoldfastError("invalid_argument", `${cidr} has no room for address number ${n}; use a shorter prefix`);
  }
  return IpAddress.fromBigInt(Cidr.family(cidr), IpAddress.toBigInt(Cidr.first(cidr)) + BigInt(n));
}

/** Address number of host 1 is 11, of host 2 is 12, …; the router has 1, the control space has 2. */
export const ROUTER_ADDRESS = 1;
export const CONTROL_ADDRESS = 2;
export const FIRST_HOST_ADDRESS = 11;
