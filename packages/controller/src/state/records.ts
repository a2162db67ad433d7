import type { Cidr, Identity, IpAddress, Name } from "@holdfast/core";
import type {
  AddressSet,
  Claim,
  Endpoint,
  Group,
  Network,
  NodeBlock,
  NodeRecord,
  Policy,
  QosProfile,
  QuarantinedAddress,
  Tenant,
} from "@holdfast/model";

/** A network as stored. */
export interface StoredNetwork extends Network {
  /**
   * What is being removed, so that nothing new is claimed in it meanwhile: `"*"` the network, else prefixes of subnets. Absent: nothing.
   */
  readonly closing?: readonly string[];
}

/** A node as stored: that it is alive is in {@link Heard}. */
export type StoredNode = Omit<NodeRecord, "state" | "lastSeen" | "flowExport">;

/** Numbers for networks to come. */
export interface Counters {
  /** The next `n…` id. */
  readonly nextId: number;
  /** The segment that was taken last from the range of each kind: the search goes on behind it, so that reuse comes late. */
  readonly last: { readonly vlan: number; readonly vxlan: number };
}

/** Who alone may add to what a tenant with quotas has: only one that sees all of it can count. */
export interface Keeper {
  /** Nonce of a controller's process; empty: nobody, whoever comes first takes it. */
  readonly keeper: string;
}

/** A released address that rests. */
export interface Cooling {
  /** RFC 3339. */
  readonly until: string;
  /** Who had it: may take it back. */
  readonly identity: Identity;
  /** The node that served it last as an ephemeral address: may take it back by asking for it. */
  readonly node?: Name;
}

/** An address that is given to nobody: what is kept of {@link QuarantinedAddress}, beyond what its key says. */
export type Quarantined = Omit<QuarantinedAddress, "tenant" | "network" | "address" | "revision">;

/** Left of an endpoint that its node has lost, until the node says that it is down. */
export interface Superseded {
  readonly epoch: number;
  readonly reason: string;
  readonly at: string;
}

/** That a node is alive, as a controller has written it. */
export interface Heard {
  /** Nonce of the controller's process. */
  readonly by: string;
}

/** One entry of an address set. */
export interface SetEntry {
  readonly tenant: Name;
  readonly set: Name;
  readonly prefix: Cidr;
}

/** What one commit changed, as objects. */
export type StateChange =
  | Changed<"tenant", Tenant>
  | Changed<"network", StoredNetwork>
  | Changed<"claim", Claim>
  | Changed<"endpoint", Endpoint>
  | Changed<"node", StoredNode>
  | Changed<"block", NodeBlock>
  | Changed<"group", Group>
  | Changed<"address-set", AddressSet>
  | Changed<"policy", Policy>
  | Changed<"qos-profile", QosProfile>
  | Changed<"set-entry", SetEntry>
  | (Changed<"cooling", Cooling> & { readonly tenant: Name; readonly network: Name; readonly address: IpAddress })
  | (Changed<"quarantine", Quarantined> & {
      readonly tenant: Name;
      readonly network: Name;
      readonly address: IpAddress;
    })
  | (Changed<"heard", Heard> & { readonly node: Name })
  | (Changed<"superseded", Superseded> & { readonly node: Name; readonly endpoint: string });

interface Changed<Kind extends string, T> {
  readonly kind: Kind;
  readonly before: T | undefined;
  readonly after: T | undefined;
}

/** What a client may see of a network. */
export function publicNetwork(stored: StoredNetwork): Network {
  if (stored.closing === undefined) return stored;
  const { closing: _, ...network } = stored;
  return network;
}
