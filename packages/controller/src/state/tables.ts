import type { Name } from "@holdfast/core";
import type { AddressSet, Group, NodeBlock, Policy, QosProfile, Tenant } from "@holdfast/model";
import { createRows } from "../rows/rows.ts";
import { createEndpointTable, type EndpointTable } from "./endpoint-table.ts";
import { NamedTable } from "./named-table.ts";
import type { NetworkStates, Packing } from "./network-state.ts";
import { createRecordFields } from "./record-fields.ts";
import type { Counters, Heard, Keeper, StoredNode, Superseded } from "./records.ts";
import { RoutedTable } from "./routed-table.ts";
import { SetEntryTable } from "./set-entry-table.ts";

/** With the revision of its entry. */
export type Versioned<T> = T & { readonly revision: number };

/** Everything that the copy in memory holds. */
export interface Tables {
  readonly packing: Packing;
  readonly tenants: Map<Name, Tenant>;
  /** Revision of each tenant's {@link keys.space}. */
  readonly spaces: Map<Name, number>;
  /** By tenant. */
  readonly keepers: Map<Name, Versioned<Keeper>>;
  readonly nodes: Map<Name, StoredNode>;
  /** By node. */
  readonly heard: Map<Name, Versioned<Heard>>;
  readonly endpoints: EndpointTable;
  readonly endpointsOfNode: Map<Name, Set<string>>;
  readonly blocksOfNode: Map<Name, Set<NodeBlock>>;
  /** By tenant, then by name. */
  readonly networks: NetworkStates;
  readonly groups: NamedTable<Group>;
  readonly addressSets: NamedTable<AddressSet>;
  readonly setEntries: SetEntryTable;
  readonly policies: NamedTable<Policy>;
  readonly qosProfiles: NamedTable<QosProfile>;
  /** How many claims name a profile themselves, by `tenant/profile`. */
  readonly qosClaims: Map<string, number>;
  /** Prefixes of routed networks. */
  readonly routed: RoutedTable;
  /** Revision of {@link keys.routing}. */
  routing: number;
  /** By `kind/segment`. */
  readonly segments: Map<string, Versioned<{ readonly tenant: Name; readonly network: Name }>>;
  /** By `node/endpoint`. */
  readonly superseded: Map<string, Versioned<Superseded>>;
  counters: Versioned<Counters> | undefined;
}

export function createTables(): Tables {
  const packing: Packing = { rows: createRows(), fields: createRecordFields() };
  return {
    packing,
    tenants: new Map(),
    spaces: new Map(),
    keepers: new Map(),
    nodes: new Map(),
    heard: new Map(),
    endpoints: createEndpointTable(packing),
    endpointsOfNode: new Map(),
    blocksOfNode: new Map(),
    networks: new Map(),
    groups: new NamedTable(),
    addressSets: new NamedTable(),
    setEntries: new SetEntryTable(),
    policies: new NamedTable(),
    qosProfiles: new NamedTable(),
    qosClaims: new Map(),
    routed: new RoutedTable(),
    routing: 0,
    segments: new Map(),
    superseded: new Map(),
    counters: undefined,
  };
}
