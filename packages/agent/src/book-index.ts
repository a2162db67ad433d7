import type { IpAddress } from "@holdfast/core";
import { type LocalEndpoint, networkKey } from "./local-endpoint.ts";

/** Endpoints of the book by what they are asked for: no request looks through all of them. Networks go by `tenant/network`. */
export interface BookIndex {
  add(endpoint: LocalEndpoint): void;
  /** As it was added. */
  remove(endpoint: LocalEndpoint): void;
  holders(network: string, address: IpAddress): ReadonlySet<LocalEndpoint>;
  ofIdentity(network: string, identity: string): ReadonlySet<LocalEndpoint>;
  /** Not attached yet. */
  reservedBy(network: string, requester: string): ReadonlySet<LocalEndpoint>;
  byRuntime(runtimeEndpoint: string): LocalEndpoint | undefined;
}

/** By network, then by another text. */
type Groups = Map<string, Map<string, Set<LocalEndpoint>>>;

const NONE: ReadonlySet<LocalEndpoint> = new Set();

export function createBookIndex(): BookIndex {
  const [addresses, identities, requesters]: readonly [Groups, Groups, Groups] = [new Map(), new Map(), new Map()];
  const runtimes = new Map<string, LocalEndpoint>();

  function* places(endpoint: LocalEndpoint): Iterable<readonly [Groups, string]> {
    for (const address of endpoint.addresses) yield [addresses, address];
    yield [identities, endpoint.identity];
    if (endpoint.phase === "reserved") yield [requesters, endpoint.requester];
  }

  return {
    add(endpoint) {
      const network = networkKey(endpoint);
      for (const [groups, key] of places(endpoint)) insert(groups, network, key, endpoint);
      if (endpoint.workload.endpoint !== undefined) runtimes.set(endpoint.workload.endpoint, endpoint);
    },

    remove(endpoint) {
      const network = networkKey(endpoint);
      for (const [groups, key] of places(endpoint)) take(groups, network, key, endpoint);
      const runtime = endpoint.workload.endpoint;
      if (runtime !== undefined && runtimes.get(runtime) === endpoint) runtimes.delete(runtime);
    },

    holders: (network, address) => addresses.get(network)?.get(address) ?? NONE,
    ofIdentity: (network, identity) => identities.get(network)?.get(identity) ?? NONE,
    reservedBy: (network, requester) => requesters.get(network)?.get(requester) ?? NONE,
    byRuntime: (runtimeEndpoint) => runtimes.get(runtimeEndpoint),
  };
}

function insert(groups: Groups, network: string, key: string, endpoint: LocalEndpoint): void {
  const ofNetwork = groups.get(network) ?? new Map<string, Set<LocalEndpoint>>();
  groups.set(network, ofNetwork);
  ofNetwork.set(key, (ofNetwork.get(key) ?? new Set()).add(endpoint));
}

function take(groups: Groups, network: string, key: string, endpoint: LocalEndpoint): void {
  const ofNetwork = groups.get(network);
  const group = ofNetwork?.get(key);
  group?.delete(endpoint);
  if (group?.size === 0) ofNetwork?.delete(key);
  if (ofNetwork?.size === 0) groups.delete(network);
}
