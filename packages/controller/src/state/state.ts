import type { Name } from "@holdfast/core";
import type { Claim, Endpoint, NetworkKind, NodeBlock, Tenant } from "@holdfast/model";
import type { Change, ChangeBatch, Entry } from "@holdfast/store";
import { createRows } from "../rows/rows.ts";
import { createEndpointTable } from "./endpoint-table.ts";
import { collectionOf, named } from "./keys.ts";
import {
  ensureNetwork,
  forgetWhenEmpty,
  type NetworkState,
  type NetworkStates,
  type Packing,
} from "./network-state.ts";
import { createRecordFields } from "./record-fields.ts";
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
import { RevisionWaiters } from "./revision-waiters.ts";

/** Called after each commit has been taken in; must not throw. */
export type StateListener = (changes: readonly StateChange[], revision: number) => void;

type Versioned<T> = T & { readonly revision: number };

/**
 * The controller's copy of the store in memory: exactly what the store held at {@link State.revision}.
 *
 * Decisions are made on it and committed on condition that the keys they rest on are unchanged, so that it may lag without harm.
 */
export class State {
  readonly tenants = new Map<Name, Tenant>();
  /** Revision of each tenant's {@link keys.space}. */
  readonly spaces = new Map<Name, number>();
  /** By tenant. */
  readonly keepers = new Map<Name, Versioned<Keeper>>();
  readonly nodes = new Map<Name, StoredNode>();
  /** By node. */
  readonly heard = new Map<Name, Versioned<Heard>>();
  readonly #packing: Packing = { rows: createRows(), fields: createRecordFields() };
  readonly endpoints = createEndpointTable(this.#packing);
  readonly endpointsOfNode = new Map<Name, Set<string>>();
  readonly blocksOfNode = new Map<Name, Set<NodeBlock>>();
  /** By tenant, then by name. */
  readonly networks: NetworkStates = new Map();
  /** By `kind/segment`. */
  readonly segments = new Map<string, Versioned<{ readonly tenant: Name; readonly network: Name }>>();
  /** By `node/endpoint`. */
  readonly superseded = new Map<string, Versioned<Superseded>>();
  counters: Versioned<Counters> | undefined;
  /** The commit up to which everything is here. */
  revision = 0;
  readonly #listeners: StateListener[] = [];
  #ledgerListener: ((entry: Entry) => void) | undefined;
  readonly #waiters = new RevisionWaiters();
  readonly #written = new Map<string, { readonly text: string; readonly object: object }>();

  /** Listeners are called in the order in which they came. */
  listen(listener: StateListener): void {
    this.#listeners.push(listener);
  }

  /** Called for each entry of the ledger that a commit has written, before the other listeners. The ledger itself is not held in memory. */
  listenLedger(listener: (entry: Entry) => void): void {
    this.#ledgerListener = listener;
  }

  network(tenant: Name, network: Name): NetworkState | undefined {
    return this.networks.get(tenant)?.get(network);
  }

  /** Claims that endpoints of the node have. */
  claimsOfNode(node: Name): Claim[] {
    return [...(this.endpointsOfNode.get(node) ?? [])].flatMap((id) => {
      const { tenant, network, identity } = this.endpoints.get(id) ?? {};
      if (tenant === undefined || network === undefined || identity === undefined) return [];
      const claim = this.network(tenant, network)?.claims.get(identity);
      return claim?.binding?.endpoint === id ? claim : [];
    });
  }

  segmentOwner(kind: NetworkKind, segment: number) {
    return this.segments.get(`${kind}/${segment}`);
  }

  /** Resolves when everything up to a commit of ours is here. @throws HoldfastError `unavailable` when it will never be. */
  reached(revision: number): Promise<void> {
    return revision <= this.revision ? Promise.resolve() : this.#waiters.waitFor(revision);
  }

  /** Nothing more will come: who waits is told so. */
  fail(reason: string): void {
    this.#waiters.fail(reason);
  }

  /** Spares parsing a value that this process is about to write. */
  announce(key: string, text: string, object: object): void {
    this.#written.set(key, { text, object });
  }

  /** Takes back {@link announce} when the write did not happen. */
  retract(key: string, text: string): void {
    if (this.#written.get(key)?.text === text) this.#written.delete(key);
  }

  /** Takes in entries as they were listed, without telling anybody. */
  load(entries: readonly Entry[]): void {
    for (const entry of entries) this.#put(entry);
  }

  /** Takes in one commit and tells listeners and waiters. */
  apply(batch: ChangeBatch): void {
    const changes = batch.changes.flatMap((change) => this.#change(change) ?? []);
    this.revision = batch.revision;
    if (changes.length > 0) for (const listener of this.#listeners) listener(changes, batch.revision);
    this.#waiters.wake(batch.revision);
  }

  /** Says that everything up to a revision is here, after loading. */
  settle(revision: number): void {
    this.revision = revision;
    this.#waiters.wakeUpTo(revision);
  }

  #change(change: Change): StateChange | undefined {
    return change.kind === "put" ? this.#put(change.entry) : this.#delete(change.key);
  }

  #put(entry: Entry): StateChange | undefined {
    const { key } = entry;
    switch (collectionOf(key)) {
      case "tenants": {
        const after = this.#parse<Tenant>(entry);
        const before = this.tenants.get(after.name);
        this.tenants.set(after.name, after);
        return { kind: "tenant", before, after };
      }
      case "spaces":
        this.spaces.set(named.one(key), entry.revision);
        return undefined;
      case "keepers":
        this.keepers.set(named.one(key), this.#parse<Keeper>(entry));
        return undefined;
      case "counters":
        this.counters = this.#parse<Counters>(entry);
        return undefined;
      case "segments":
        this.segments.set(key.slice("segments/".length), this.#parse(entry));
        return undefined;
      case "nodes": {
        const after = this.#parse<StoredNode>(entry);
        const before = this.nodes.get(after.name);
        this.nodes.set(after.name, after);
        return { kind: "node", before, after };
      }
      case "heard": {
        const node = named.one(key);
        const before = this.heard.get(node);
        const after = this.#parse<Heard>(entry);
        this.heard.set(node, after);
        return { kind: "heard", node, before, after };
      }
      case "networks": {
        const after = this.#parse<StoredNetwork>(entry);
        const state = ensureNetwork(this.networks, this.#packing, after.tenant, after.name);
        const before = state.record;
        state.record = after;
        return { kind: "network", before, after };
      }
      case "claims": {
        const after = this.#parse<Claim>(entry);
        const { claims } = ensureNetwork(this.networks, this.#packing, after.tenant, after.network);
        return { kind: "claim", before: claims.set(after), after };
      }
      case "cooling": {
        const { tenant, network, address } = named.address(key);
        const { cooling } = ensureNetwork(this.networks, this.#packing, tenant, network);
        const after = this.#parse<Cooling>(entry);
        const before = cooling.set({ ...after, address });
        return { kind: "cooling", tenant, network, address, before, after };
      }
      case "quarantine": {
        const { tenant, network, address } = named.address(key);
        const { quarantine } = ensureNetwork(this.networks, this.#packing, tenant, network);
        const after = this.#parse<Quarantined>(entry);
        const { before } = quarantine.put({ ...after, address });
        return { kind: "quarantine", tenant, network, address, before, after };
      }
      case "blocks": {
        const after = this.#parse<NodeBlock>(entry);
        const { blocks } = ensureNetwork(this.networks, this.#packing, after.tenant, after.network);
        const before = blocks.get(after.prefix);
        blocks.put(after);
        if (before !== undefined) removeFrom(this.blocksOfNode, before.node, before);
        addTo(this.blocksOfNode, after.node, after);
        return { kind: "block", before, after };
      }
      case "endpoints": {
        const after = this.#parse<Endpoint>(entry);
        const { before } = this.endpoints.put(after);
        ensureNetwork(this.networks, this.#packing, after.tenant, after.network).endpoints.add(after.id);
        addTo(this.endpointsOfNode, after.node, after.id);
        return { kind: "endpoint", before, after };
      }
      case "superseded": {
        const { node, endpoint } = named.superseded(key);
        const before = this.superseded.get(`${node}/${endpoint}`);
        const after = this.#parse<Superseded>(entry);
        this.superseded.set(`${node}/${endpoint}`, after);
        return { kind: "superseded", node, endpoint, before, after };
      }
      case "ledger":
      case "refusals":
        this.#ledgerListener?.(entry);
        return undefined;
      default:
        return undefined;
    }
  }

  #delete(key: string): StateChange | undefined {
    switch (collectionOf(key)) {
      case "tenants": {
        const name = named.one(key);
        const before = this.tenants.get(name);
        this.tenants.delete(name);
        return before && { kind: "tenant", before, after: undefined };
      }
      case "spaces":
        this.spaces.delete(named.one(key));
        return undefined;
      case "keepers":
        this.keepers.delete(named.one(key));
        return undefined;
      case "segments":
        this.segments.delete(key.slice("segments/".length));
        return undefined;
      case "nodes": {
        const name = named.one(key);
        const before = this.nodes.get(name);
        this.nodes.delete(name);
        return before && { kind: "node", before, after: undefined };
      }
      case "heard": {
        const node = named.one(key);
        const before = this.heard.get(node);
        this.heard.delete(node);
        return before && { kind: "heard", node, before, after: undefined };
      }
      case "networks": {
        const { tenant, network } = named.network(key);
        const state = this.network(tenant, network);
        const before = state?.record;
        if (state === undefined || before === undefined) return undefined;
        state.record = undefined;
        forgetWhenEmpty(this.networks, state);
        return { kind: "network", before, after: undefined };
      }
      case "claims": {
        const { tenant, network, identity } = named.claim(key);
        const state = this.network(tenant, network);
        const before = state?.claims.delete(identity);
        if (before === undefined) return undefined;
        return { kind: "claim", before, after: undefined };
      }
      case "cooling": {
        const { tenant, network, address } = named.address(key);
        const state = this.network(tenant, network);
        const before = state?.cooling.delete(address);
        if (state === undefined || before === undefined) return undefined;
        forgetWhenEmpty(this.networks, state);
        return { kind: "cooling", tenant, network, address, before, after: undefined };
      }
      case "quarantine": {
        const { tenant, network, address } = named.address(key);
        const state = this.network(tenant, network);
        const before = state?.quarantine.delete(address).before;
        if (state === undefined || before === undefined) return undefined;
        forgetWhenEmpty(this.networks, state);
        return { kind: "quarantine", tenant, network, address, before, after: undefined };
      }
      case "blocks": {
        const { tenant, network, prefix } = named.block(key);
        const state = this.network(tenant, network);
        const before = state?.blocks.get(prefix);
        if (state === undefined || before === undefined) return undefined;
        state.blocks.delete(prefix);
        removeFrom(this.blocksOfNode, before.node, before);
        forgetWhenEmpty(this.networks, state);
        return { kind: "block", before, after: undefined };
      }
      case "endpoints": {
        const { before } = this.endpoints.delete(key.slice("endpoints/".length));
        if (before === undefined) return undefined;
        this.network(before.tenant, before.network)?.endpoints.delete(before.id);
        removeFrom(this.endpointsOfNode, before.node, before.id);
        return { kind: "endpoint", before, after: undefined };
      }
      case "superseded": {
        const { node, endpoint } = named.superseded(key);
        const before = this.superseded.get(`${node}/${endpoint}`);
        this.superseded.delete(`${node}/${endpoint}`);
        return before && { kind: "superseded", node, endpoint, before, after: undefined };
      }
      default:
        return undefined;
    }
  }

  #parse<T>(entry: Entry): Versioned<T> {
    const written = this.#written.get(entry.key);
    if (written?.text === entry.value) {
      this.#written.delete(entry.key);
      return { ...(written.object as T), revision: entry.revision };
    }
    const parsed = JSON.parse(entry.value) as T & { revision: number };
    parsed.revision = entry.revision;
    return parsed;
  }
}
