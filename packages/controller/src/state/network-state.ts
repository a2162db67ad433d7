import type { Name } from "@holdfast/core";
import type { Rows } from "../rows/rows.ts";
import type { AddressOwners } from "./address-owners.ts";
import { BlockIndex } from "./block-index.ts";
import { ClaimTable } from "./claim-table.ts";
import { CoolingTable } from "./cooling-table.ts";
import { createQuarantineTable, type QuarantineTable } from "./quarantine-table.ts";
import type { RecordFields } from "./record-fields.ts";
import type { StoredNetwork } from "./records.ts";

/** One network with all that is claimed in it. */
export interface NetworkState {
  readonly tenant: Name;
  readonly name: Name;
  /** Absent: only leftovers of a network that was deleted, e.g. resting addresses. */
  record: StoredNetwork | undefined;
  readonly claims: ClaimTable;
  readonly addresses: AddressOwners;
  readonly cooling: CoolingTable;
  /** Addresses that machines outside have; some of them may be claimed. */
  readonly quarantine: QuarantineTable;
  /** Parts that nodes give addresses from by themselves. */
  readonly blocks: BlockIndex;
  /** Ids of its endpoints. */
  readonly endpoints: Set<string>;
}

/** By tenant, then by name. */
export type NetworkStates = Map<Name, Map<Name, NetworkState>>;

/** Where the rows of all networks lie. */
export interface Packing {
  readonly rows: Rows;
  readonly fields: RecordFields;
}

/** The network's state, made when something of it comes first. */
export function ensureNetwork(networks: NetworkStates, packing: Packing, tenant: Name, name: Name): NetworkState {
  const ofTenant = networks.get(tenant) ?? new Map<Name, NetworkState>();
  networks.set(tenant, ofTenant);
  let state = ofTenant.get(name);
  if (state === undefined) {
    const claims = new ClaimTable(packing.rows, packing.fields, { tenant, name });
    const cooling = new CoolingTable(packing.rows, packing.fields);
    const quarantine = createQuarantineTable(packing.rows, packing.fields);
    const blocks = new BlockIndex();
    const { addresses } = claims;
    state = { tenant, name, record: undefined, claims, addresses, cooling, quarantine, blocks, endpoints: new Set() };
    ofTenant.set(name, state);
  }
  return state;
}

/** Drops the state of a network that was deleted and of which nothing is left. */
export function forgetWhenEmpty(networks: NetworkStates, state: NetworkState): void {
  const { record, claims, cooling, quarantine, blocks, endpoints } = state;
  const left = claims.size + cooling.size + quarantine.size + blocks.size + endpoints.size;
  if (record !== undefined || left > 0) return;
  const ofTenant = networks.get(state.tenant);
  ofTenant?.delete(state.name);
  if (ofTenant?.size === 0) networks.delete(state.tenant);
}
