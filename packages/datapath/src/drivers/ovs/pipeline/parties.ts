import type { IpAddress, MacAddress } from "@holdfast/core";

/** What the flows need to know of a network. */
export interface NetworkParty {
  /** `7` for network `"n7"`. */
  readonly number: number;
  /** How its frames leave this node; `local`: not at all. */
  readonly reach:
    | { readonly kind: "local" }
    | { readonly kind: "vlan"; readonly vlan: number }
    | { readonly kind: "vxlan"; readonly vni: number };
}

/** An interface of this node in a network. */
export interface PortParty {
  /** OpenFlow port. */
  readonly port: number;
  readonly mac: MacAddress;
  readonly addresses: readonly IpAddress[];
  /** It has a policy or a number of connections, which what it sends and gets has to pass. */
  readonly policed?: boolean;
  /** What it sends has to pass these, at most two, in this order. */
  readonly meters?: readonly number[];
  /** Written into what it sends. */
  readonly dscp?: number;
}

/** Somebody on another node. */
export interface RemoteParty {
  readonly mac: MacAddress;
  readonly addresses: readonly IpAddress[];
  readonly tunnelAddress: IpAddress;
}
