import type { Name } from "@holdfast/core";
import type { Claim, Endpoint, NodeBlock, Tenant } from "@holdfast/model";
import type { Entry } from "@holdfast/store";
import { CACHED, type Collection, named } from "./keys.ts";
import { ensureNetwork, forgetWhenEmpty, type NetworkState } from "./network-state.ts";
import { ofPolicies } from "./policy-collections.ts";
import { countQosClaims, ofQos } from "./qos-collection.ts";
import type {
  Cooling,
  Counters,
  Heard,
  Keeper,
  Quarantined,
  StateChange,
  StoredNetwork,
  StoredNode,
  Superseded,
} from "./records.ts";
import { addTo, removeFrom } from "./reverse-index.ts";
import type { Tables, Versioned } from "./tables.ts";

/** How what the store has of one collection comes into the tables, and what that has changed; undefined: nothing that anybody is told of. */
export interface TakenIn {
  put(entry: Entry): StateChange | undefined;
  delete(key: string): StateChange | undefined;
}

export type Collections = Readonly<Record<Collection, TakenIn>>;

export type Parse = <T>(entry: Entry) => Versioned<T>;

const cached = new Set<string>(CACHED);

/** Whether it is held in memory. */
export function isCollection(name: string): name is Collection {
  return cached.has(name);
}

export function createCollections(tables: Tables, parse: Parse): Collections {
  return {
    tenants: {
      put: (entry) => {
        const after = parse<Tenant>(entry);
        const before = tables.tenants.get(after.name);
        tables.tenants.set(after.name, after);
        return { kind: "tenant", before, after };
      },
      delete: (key) => {
        const before = taken(tables.tenants, named.one(key));
        return before && { kind: "tenant", before, after: undefined };
      },
    },
    spaces: {
      put: (entry) => void tables.spaces.set(named.one(entry.key), entry.revision),
      delete: (key) => void tables.spaces.delete(named.one(key)),
    },
    routing: {
      put: (entry) => {
        tables.routing = entry.revision;
        return undefined;
      },
      delete: () => undefined,
    },
    keepers: {
      put: (entry) => void tables.keepers.set(named.one(entry.key), parse<Keeper>(entry)),
      delete: (key) => void tables.keepers.delete(named.one(key)),
    },
    counters: {
      put: (entry) => {
        tables.counters = parse<Counters>(entry);
        return undefined;
      },
      delete: () => undefined,
    },
    segments: {
      put: (entry) => void tables.segments.set(segmentOf(entry.key), parse(entry)),
      delete: (key) => void tables.segments.delete(segmentOf(key)),
    },
    nodes: {
      put: (entry) => {
        const after = parse<StoredNode>(entry);
        const before = tables.nodes.get(after.name);
        tables.nodes.set(after.name, after);
        return { kind: "node", before, after };
      },
      delete: (key) => {
        const before = taken(tables.nodes, named.one(key));
        return before && { kind: "node", before, after: undefined };
      },
    },
    heard: {
      put: (entry) => {
        const node = named.one(entry.key);
        const before = tables.heard.get(node);
        const after = parse<Heard>(entry);
        tables.heard.set(node, after);
        return { kind: "heard", node, before, after };
      },
      delete: (key) => {
        const node = named.one(key);
        const before = taken(tables.heard, node);
        return before && { kind: "heard", node, before, after: undefined };
      },
    },
    endpoints: {
      put: (entry) => {
        const after = parse<Endpoint>(entry);
        const { before } = tables.endpoints.put(after);
        ensureNetwork(tables.networks, tables.packing, after.tenant, after.network).endpoints.add(after.id);
        addTo(tables.endpointsOfNode, after.node, after.id);
        return { kind: "endpoint", before, after };
      },
      delete: (key) => {
        const { before } = tables.endpoints.delete(key.slice("endpoints/".length));
        if (before === undefined) return undefined;
        tables.networks.get(before.tenant)?.get(before.network)?.endpoints.delete(before.id);
        removeFrom(tables.endpointsOfNode, before.node, before.id);
        return { kind: "endpoint", before, after: undefined };
      },
    },
    superseded: {
      put: (entry) => {
        const { node, endpoint } = named.superseded(entry.key);
        const before = tables.superseded.get(`${node}/${endpoint}`);
        const after = parse<Superseded>(entry);
        tables.superseded.set(`${node}/${endpoint}`, after);
        return { kind: "superseded", node, endpoint, before, after };
      },
      delete: (key) => {
        const { node, endpoint } = named.superseded(key);
        const before = taken(tables.superseded, `${node}/${endpoint}`);
        return before && { kind: "superseded", node, endpoint, before, after: undefined };
      },
    },
    ...ofNetworks(tables, parse),
    ...ofPolicies(tables, parse),
    ...ofQos(tables, parse),
  };
}

/** What lies in a network's own state. */
function ofNetworks(
  tables: Tables,
  parse: Parse,
): Pick<Collections, "networks" | "claims" | "cooling" | "quarantine" | "blocks"> {
  const { networks, packing } = tables;
  const ensure = (tenant: Name, name: Name): NetworkState => ensureNetwork(networks, packing, tenant, name);
  const find = (tenant: Name, name: Name): NetworkState | undefined => networks.get(tenant)?.get(name);
  return {
    networks: {
      put: (entry) => {
        const after = parse<StoredNetwork>(entry);
        const state = ensure(after.tenant, after.name);
        const before = state.record;
        state.record = after;
        tables.routed.follow(before, after);
        return { kind: "network", before, after };
      },
      delete: (key) => {
        const { tenant, network } = named.network(key);
        const state = find(tenant, network);
        const before = state?.record;
        if (state === undefined || before === undefined) return undefined;
        state.record = undefined;
        tables.routed.follow(before, undefined);
        forgetWhenEmpty(networks, state);
        return { kind: "network", before, after: undefined };
      },
    },
    claims: {
      put: (entry) => {
        const after = parse<Claim>(entry);
        const before = ensure(after.tenant, after.network).claims.set(after);
        countQosClaims(tables, before, after);
        return { kind: "claim", before, after };
      },
      delete: (key) => {
        const { tenant, network, identity } = named.claim(key);
        const before = find(tenant, network)?.claims.delete(identity);
        countQosClaims(tables, before, undefined);
        return before && { kind: "claim", before, after: undefined };
      },
    },
    cooling: {
      put: (entry) => {
        const { tenant, network, address } = named.address(entry.key);
        const after = parse<Cooling>(entry);
        const before = ensure(tenant, network).cooling.set({ ...after, address });
        return { kind: "cooling", tenant, network, address, before, after };
      },
      delete: (key) => {
        const { tenant, network, address } = named.address(key);
        const state = find(tenant, network);
        const before = state?.cooling.delete(address);
        if (state === undefined || before === undefined) return undefined;
        forgetWhenEmpty(networks, state);
        return { kind: "cooling", tenant, network, address, before, after: undefined };
      },
    },
    quarantine: {
      put: (entry) => {
        const { tenant, network, address } = named.address(entry.key);
        const after = parse<Quarantined>(entry);
        const { before } = ensure(tenant, network).quarantine.put({ ...after, address });
        return { kind: "quarantine", tenant, network, address, before, after };
      },
      delete: (key) => {
        const { tenant, network, address } = named.address(key);
        const state = find(tenant, network);
        const before = state?.quarantine.delete(address).before;
        if (state === undefined || before === undefined) return undefined;
        forgetWhenEmpty(networks, state);
        return { kind: "quarantine", tenant, network, address, before, after: undefined };
      },
    },
    blocks: {
      put: (entry) => {
        const after = parse<NodeBlock>(entry);
        const { blocks } = ensure(after.tenant, after.network);
        const before = blocks.get(after.prefix);
        blocks.put(after);
        if (before !== undefined) removeFrom(tables.blocksOfNode, before.node, before);
        addTo(tables.blocksOfNode, after.node, after);
        return { kind: "block", before, after };
      },
      delete: (key) => {
        const { tenant, network, prefix } = named.block(key);
        const state = find(tenant, network);
        const before = state?.blocks.get(prefix);
        if (state === undefined || before === undefined) return undefined;
        state.blocks.delete(prefix);
        removeFrom(tables.blocksOfNode, before.node, before);
        forgetWhenEmpty(networks, state);
        return { kind: "block", before, after: undefined };
      },
    },
  };
}

function taken<K, V>(from: Map<K, V>, key: K): V | undefined {
  const before = from.get(key);
  from.delete(key);
  return before;
}

function segmentOf(key: string): string {
  return key.slice("segments/".length);
}
