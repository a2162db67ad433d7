import type { Name } from "@holdfast/core";
import type { Claim, NetworkKind } from "@holdfast/model";
import type { Change, ChangeBatch, Entry } from "@holdfast/store";
import { createCollections, isCollection } from "./collections.ts";
import { collectionOf } from "./keys.ts";
import type { NetworkState } from "./network-state.ts";
import type { Counters, StateChange } from "./records.ts";
import { RevisionWaiters } from "./revision-waiters.ts";
import { createTables, type Versioned } from "./tables.ts";

/** Called after each commit has been taken in; must not throw. */
export type StateListener = (changes: readonly StateChange[], revision: number) => void;

/**
 * The controller's copy of the store in memory: exactly what the store held at {@link State.revision}.
 *
 * Decisions are made on it and committed on condition that the keys they rest on are unchanged, so that it may lag without harm.
 */
export class State {
  readonly #tables = createTables();
  readonly tenants = this.#tables.tenants;
  readonly spaces = this.#tables.spaces;
  readonly keepers = this.#tables.keepers;
  readonly nodes = this.#tables.nodes;
  readonly heard = this.#tables.heard;
  readonly endpoints = this.#tables.endpoints;
  readonly endpointsOfNode = this.#tables.endpointsOfNode;
  readonly blocksOfNode = this.#tables.blocksOfNode;
  readonly networks = this.#tables.networks;
  readonly groups = this.#tables.groups;
  readonly addressSets = this.#tables.addressSets;
  readonly setEntries = this.#tables.setEntries;
  readonly policies = this.#tables.policies;
  readonly qosProfiles = this.#tables.qosProfiles;
  readonly qosClaims = this.#tables.qosClaims;
  readonly routed = this.#tables.routed;
  readonly segments = this.#tables.segments;
  readonly superseded = this.#tables.superseded;
  /** The commit up to which everything is here. */
  revision = 0;
  readonly #listeners: StateListener[] = [];
  #ledgerListener: ((entry: Entry) => void) | undefined;
  readonly #waiters = new RevisionWaiters();
  readonly #written = new Map<string, { readonly text: string; readonly object: object }>();
  readonly #collections = createCollections(this.#tables, (entry) => this.#parse(entry));

  get routing(): number {
    return this.#tables.routing;
  }

  get counters(): Versioned<Counters> | undefined {
    return this.#tables.counters;
  }

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
    const collection = collectionOf(entry.key);
    if (isCollection(collection)) return this.#collections[collection].put(entry);
    if (collection === "ledger" || collection === "refusals") this.#ledgerListener?.(entry);
    return undefined;
  }

  #delete(key: string): StateChange | undefined {
    const collection = collectionOf(key);
    return isCollection(collection) ? this.#collections[collection].delete(key) : undefined;
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
