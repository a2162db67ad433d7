import { Cidr, Identity, IpAddress, Name } from "@holdfast/core";
import type { NetworkKind } from "@holdfast/model";

/**
 * Every key that the controller keeps, in one place. Values are JSON; an object's revision is the entry's and is not in the value.
 *
 * Names contain no `/`; an identity may, and so comes last.
 */
export const keys = {
  /** {@link Tenant} */
  tenant: (tenant: Name) => `tenants/${tenant}`,
  /** Put by everything that changes which networks or prefixes a tenant has; whoever decides by those expects its revision. */
  space: (tenant: Name) => `spaces/${tenant}`,
  /** Put by everything that adds a prefix to a routed network, of whatever tenant; whoever decides by those expects its revision. */
  routing: "routing/prefixes",
  /** {@link Keeper}: which controller counts what a tenant with quotas claims. */
  keeper: (tenant: Name) => `keepers/${tenant}`,
  /** {@link StoredNetwork} */
  network: (tenant: Name, network: Name) => `networks/${tenant}/${network}`,
  /** {@link Counters}: short ids that were never used, and where the search for a free segment goes on. */
  counters: "counters/networks",
  /** Which network has a VLAN or VNI: `{ tenant, network }`. The key is the lock. */
  segment: (kind: NetworkKind, segment: number) => `segments/${kind}/${segment}`,
  /** {@link Claim} */
  claim: (tenant: Name, network: Name, identity: Identity) => `claims/${tenant}/${network}/${identity}`,
  /** Who owns an address: `{ identity }`. The key is the lock: one owner, whatever else happens. */
  address: (tenant: Name, network: Name, address: IpAddress) => `addresses/${tenant}/${network}/${address}`,
  /** {@link Cooling}: until when a released address is given to nobody else. */
  cooling: (tenant: Name, network: Name, address: IpAddress) => `cooling/${tenant}/${network}/${address}`,
  /** {@link Quarantined}: an address that is given to nobody, because a machine outside has it. */
  quarantine: (tenant: Name, network: Name, address: IpAddress) => `quarantine/${tenant}/${network}/${address}`,
  /** {@link NodeBlock}. The key is the lock: whoever claims an address of a network with blocks expects that its block is unchanged. */
  block: (tenant: Name, network: Name, prefix: Cidr) => `blocks/${tenant}/${network}/${prefix}`,
  /** {@link Endpoint} */
  endpoint: (endpoint: string) => `endpoints/${endpoint}`,
  /** {@link Superseded}: an endpoint that its node has lost and not taken down yet. */
  superseded: (node: Name, endpoint: string) => `superseded/${node}/${endpoint}`,
  /** {@link Group} */
  group: (tenant: Name, group: Name) => `groups/${tenant}/${group}`,
  /** {@link AddressSet} */
  addressSet: (tenant: Name, set: Name) => `address-sets/${tenant}/${set}`,
  /** One entry of an address set: `{}`. */
  setEntry: (tenant: Name, set: Name, prefix: Cidr) => `set-entries/${tenant}/${set}/${prefix}`,
  /** {@link Policy} */
  policy: (tenant: Name, policy: Name) => `policies/${tenant}/${policy}`,
  /** {@link QosProfile} */
  qosProfile: (tenant: Name, profile: Name) => `qos-profiles/${tenant}/${profile}`,
  /** {@link StoredNode} */
  node: (node: Name) => `nodes/${node}`,
  /** {@link Heard}: moves while controllers hear of the node; whoever decides that it is silent expects its revision. */
  heard: (node: Name) => `heard/${node}`,
  /** {@link StoredLedgerEntry}; `moment` is unique and counts down, so that the newest comes first. */
  ledger: (tenant: Name, network: Name, address: IpAddress, moment: string) =>
    `${ledgerPrefix(tenant, network, address)}${moment}`,
  /** {@link StoredLedgerEntry} of requests that were refused, counted. */
  refusal: (tenant: Name, network: Name, address: IpAddress, moment: string) =>
    `${refusalPrefix(tenant, network, address)}${moment}`,
  /** Keys of ledger entries in the order of time, up to a time in milliseconds since 1970, as of a revision. */
  ledgerPage: (upTo: number, revision: number) => `${ledgerPageFrom(upTo)}-${String(revision).padStart(16, "0")}`,
  /** {@link OrderHead} */
  ledgerHead: "ledger-head",
  /** An endpoint that its node made by itself was taken in: that happens once, however late its reports come. On a lease. */
  takenIn: (endpoint: string) => `idempotency/made/${endpoint}`,
  /** The answer to a request that carried an Idempotency-Key; on a lease. */
  idempotency: (route: string, key: string) => `idempotency/${route}/${key}`,
  /** {@link Operation}: what was accepted to be done later; on a lease when it has ended. Not in memory. */
  operation: (id: string) => `operations/${id}`,
  /** What it is to do, until it has ended. May be large. */
  operationRequest: (id: string) => `operation-requests/${id}`,
  /** `{ tenant }` of one that has not ended: what is left to do is found without reading what was asked. */
  operationUnfinished: (id: string) => `operation-unfinished/${id}`,
  /** What it has come to; on the operation's lease. May be large, so that it is not part of what lists and watches show. */
  operationResult: (id: string) => `operation-results/${id}`,
} as const;

/** All ledger entries of one address. */
export function ledgerPrefix(tenant: Name, network: Name, address: IpAddress): string {
  return `ledger/${tenant}/${network}/${address}/`;
}

/** All refusals for one address. */
export function refusalPrefix(tenant: Name, network: Name, address: IpAddress): string {
  return `refusals/${tenant}/${network}/${address}/`;
}

export const LEDGER_PAGES = "ledger-pages/";

/** What comes, in the order of keys, right before the first page that has something of a time or later. */
export function ledgerPageFrom(time: number): string {
  return `${LEDGER_PAGES}${String(time).padStart(13, "0")}`;
}

/** Collections that are held in memory, in the order in which they are loaded. */
export const CACHED = [
  "tenants",
  "spaces",
  "routing",
  "keepers",
  "counters",
  "segments",
  "nodes",
  "heard",
  "networks",
  "groups",
  "address-sets",
  "set-entries",
  "policies",
  "qos-profiles",
  "claims",
  "cooling",
  "quarantine",
  "blocks",
  "endpoints",
  "superseded",
] as const;
export type Collection = (typeof CACHED)[number];

/** `"claims/default/web/prod/mysql-1"` with 3 gives `["claims", "default", "web", "prod/mysql-1"]`. */
export function splitKey(key: string, slashes: number): string[] {
  const parts: string[] = [];
  let from = 0;
  for (let count = 0; count < slashes; count++) {
    const slash = key.indexOf("/", from);
    if (slash < 0) break;
    parts.push(key.slice(from, slash));
    from = slash + 1;
  }
  parts.push(key.slice(from));
  return parts;
}

/** What a key names: the way back from {@link keys}. */
export const named = {
  /** Of `tenants/…`, `spaces/…`, `keepers/…` and `nodes/…`. */
  one: (key: string): Name => Name.parse(key.slice(key.indexOf("/") + 1)),
  network(key: string) {
    const [, tenant = "", network = ""] = splitKey(key, 2);
    return { tenant: Name.parse(tenant), network: Name.parse(network) };
  },
  claim(key: string) {
    const [, tenant = "", network = "", identity = ""] = splitKey(key, 3);
    return { tenant: Name.parse(tenant), network: Name.parse(network), identity: Identity.parse(identity) };
  },
  /** Of `addresses/…`, `cooling/…` and `quarantine/…`. */
  address(key: string) {
    const [, tenant = "", network = "", address = ""] = splitKey(key, 3);
    return { tenant: Name.parse(tenant), network: Name.parse(network), address: IpAddress.parse(address) };
  },
  /** Of `ledger/…` and `refusals/…`. */
  ledger(key: string) {
    const [, tenant = "", network = "", address = "", moment = ""] = splitKey(key, 4);
    return { tenant: Name.parse(tenant), network: Name.parse(network), address: IpAddress.parse(address), moment };
  },
  ledgerPage(key: string) {
    return { upTo: Number(key.slice(LEDGER_PAGES.length, LEDGER_PAGES.length + 13)) };
  },
  block(key: string) {
    const [, tenant = "", network = "", prefix = ""] = splitKey(key, 3);
    return { tenant: Name.parse(tenant), network: Name.parse(network), prefix: Cidr.parse(prefix) };
  },
  /** Of `groups/…`, `address-sets/…`, `policies/…` and `qos-profiles/…`. */
  ofTenant(key: string) {
    const [, tenant = "", name = ""] = splitKey(key, 2);
    return { tenant: Name.parse(tenant), name: Name.parse(name) };
  },
  setEntry(key: string) {
    const [, tenant = "", set = "", prefix = ""] = splitKey(key, 3);
    return { tenant: Name.parse(tenant), set: Name.parse(set), prefix: Cidr.parse(prefix) };
  },
  superseded(key: string) {
    const [, node = "", endpoint = ""] = splitKey(key, 2);
    return { node: Name.parse(node), endpoint };
  },
} as const;

/** The last part of `ledger/…` and `refusals/…`. */
export function momentOf(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

/** The first part of a key. */
export function collectionOf(key: string): string {
  return key.slice(0, Math.max(0, key.indexOf("/")));
}
