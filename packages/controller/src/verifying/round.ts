import type { Name } from "@holdfast/core";
import type { Claim, LedgerEntry, NodeInventory, VerificationCounts, VerificationMessage } from "@holdfast/model";
import type { Entry } from "@holdfast/store";
import { readLedgerEntry } from "../ledger/ledger.ts";
import type { Inventories } from "../nodes/inventories.ts";
import type { Platform } from "../platform.ts";
import { named } from "../state/keys.ts";
import { claimOf, createBookCheck, unservedFinding } from "./book-check.ts";
import type { Extent, Stage } from "./extent.ts";
import type { Finding } from "./finding.ts";
import { historyFindings, tellsOwner } from "./history-check.ts";
import type { Judge } from "./judge.ts";
import { checkNode, type Losses } from "./node-check.ts";
import { idsOf } from "./node-knowledge.ts";
import { createPace, type Pace } from "./pace.ts";

export interface RoundDependencies {
  readonly platform: Platform;
  readonly inventories: Inventories;
  readonly judge: Judge;
}

export interface RoundOptions {
  readonly extent: Extent;
  /** Of this process's time, that the round takes at the most, in (0, 1]. */
  readonly share: number;
  readonly signal: AbortSignal;
}

const PAGE = 200;
/** Nodes that are asked at the same time. */
const NODES_AT_ONCE = 32;
/** Claims whose nodes are asked about their endpoints one by one. */
const MOST_UNSERVED = 10_000;
const PROGRESS_STEP = 5000;
/** Addresses of a pool that are looked at in one stretch. */
const POOL_STEP = 64;

/** One walk over nodes and book. What it finds goes to the judge. */
export class Round {
  readonly #dependencies: RoundDependencies;
  readonly #options: RoundOptions;
  readonly #pace: Pace;
  readonly #counts = { nodes: 0, endpoints: 0, claims: 0, addresses: 0, history: 0 } satisfies VerificationCounts;
  readonly #unproven = new Set<Name>();

  constructor(dependencies: RoundDependencies, options: RoundOptions) {
    this.#dependencies = dependencies;
    this.#options = options;
    const { share, signal } = options;
    this.#pace = createPace({ clock: dependencies.platform.clock, share, signal });
  }

  async *run(): AsyncIterable<VerificationMessage> {
    yield* this.#nodes();
    yield* this.#endpoints();
    if (this.#options.extent.nodesOnly !== true) yield* this.#book();
    yield { kind: "end", checked: { ...this.#counts }, ...this.#dependencies.judge.close() };
  }

  async *#book(): AsyncIterable<VerificationMessage> {
    yield* this.#claims();
    if (this.#options.extent.node !== undefined) return;
    yield* this.#locks();
    yield* this.#pools();
    yield* this.#history();
  }

  async *#nodes(): AsyncIterable<VerificationMessage> {
    const { state } = this.#dependencies.platform;
    const { node } = this.#options.extent;
    const nodes = [...state.nodes.keys()].filter((name) => node === undefined || name === node).sort();
    const losses = this.#lossesByNode();
    for (let from = 0; from < nodes.length; from += NODES_AT_ONCE) {
      yield progress("nodes", from, nodes.length);
      const some = nodes.slice(from, from + NODES_AT_ONCE);
      const asked = some.map((name) => ({ name, answer: this.#ask(name) }));
      await Promise.allSettled(asked.map(({ answer }) => answer));
      for (const { name, answer } of asked) {
        const said = await answer;
        this.#counts.nodes++;
        if ("reason" in said) yield* this.#unheard(name, said.reason);
        else yield* this.#node(name, said, losses.get(name) ?? new Map());
      }
    }
    yield progress("nodes", nodes.length, nodes.length);
  }

  /**
   * What the book does not have may have ended, and its record gone, after the node had looked: only what the node still has when it is asked again
   * is unknown.
   */
  async *#node(node: Name, said: NodeInventory, losses: Losses): AsyncIterable<VerificationMessage> {
    const { platform, judge } = this.#dependencies;
    const findings = [...checkNode(platform.state, node, said, losses)];
    const suspects = new Set(findings.filter(isUnknown).map(({ object }) => object));
    if (suspects.size === 0) return yield* judge.hear(findings);
    const again = await this.#ask(node);
    if ("reason" in again) return yield* this.#unheard(node, again.reason);
    const present = [...checkNode(platform.state, node, again, losses)];
    yield* judge.hear(present.filter((finding) => !isUnknown(finding) || suspects.has(finding.object)));
  }

  async #ask(node: Name) {
    const said = await this.#dependencies.inventories.ask(node, this.#options.signal);
    this.#pace.resume();
    return said;
  }

  *#unheard(node: Name, reason: string): Iterable<VerificationMessage> {
    if (this.#unproven.has(node)) return;
    this.#unproven.add(node);
    const { endpointsOfNode } = this.#dependencies.platform.state;
    const served = endpointsOfNode.get(node)?.size ?? 0;
    yield { kind: "unproven", node, reason: `${reason}; its ${served} endpoints are left alone` };
  }

  #lossesByNode(): ReadonlyMap<Name, Losses> {
    const found = new Map<Name, Map<string, number>>();
    for (const [key, { revision }] of this.#dependencies.platform.state.superseded) {
      const { node, endpoint } = named.superseded(`superseded/${key}`);
      const losses = found.get(node) ?? new Map<string, number>();
      found.set(node, losses.set(endpoint, revision));
    }
    return found;
  }

  async *#endpoints(): AsyncIterable<VerificationMessage> {
    const { state } = this.#dependencies.platform;
    const book = createBookCheck(this.#dependencies.platform);
    const { node } = this.#options.extent;
    const total = node === undefined ? state.endpoints.size : (state.endpointsOfNode.get(node)?.size ?? 0);
    for (const [name, ids] of state.endpointsOfNode) {
      if (node !== undefined && name !== node) continue;
      for (const id of ids) {
        const endpoint = state.endpoints.get(id);
        const finding = endpoint === undefined ? undefined : book.endpoint(endpoint);
        if (finding !== undefined) yield* this.#dependencies.judge.hear([finding]);
        if (++this.#counts.endpoints % PROGRESS_STEP === 0) yield progress("endpoints", this.#counts.endpoints, total);
        await this.#pace.breathe();
      }
    }
    yield progress("endpoints", this.#counts.endpoints, total);
  }

  async *#claims(): AsyncIterable<VerificationMessage> {
    const { state } = this.#dependencies.platform;
    const book = createBookCheck(this.#dependencies.platform);
    const unserved: Claim[] = [];
    const total = this.#inExtent().reduce((sum, { claims }) => sum + claims.size, 0);
    for await (const page of this.#pages("claims/")) {
      const claims = page.map(claimOf);
      const findings = claims.flatMap((claim) => {
        const found = [...book.claim(claim)];
        return found.length > 0 && this.#isCurrent(claim) ? found : [];
      });
      yield* this.#dependencies.judge.hear(findings);
      const lost = claims.filter(({ binding }) => binding !== undefined && !state.endpoints.has(binding.endpoint));
      if (unserved.length < MOST_UNSERVED) unserved.push(...lost);
      this.#counts.claims += page.length;
      if (this.#counts.claims % PROGRESS_STEP === 0) yield progress("claims", this.#counts.claims, total);
    }
    yield progress("claims", this.#counts.claims, total);
    for (const claim of unserved) yield* this.#unserved(claim);
  }

  /** Whether the claim is as its page has it: what has changed since is looked at next time. */
  #isCurrent({ tenant, network, identity, revision }: Claim): boolean {
    return this.#dependencies.platform.state.network(tenant, network)?.claims.get(identity)?.revision === revision;
  }

  /** Its node may have the endpoint, and its container run: only the node's word that it has not makes the claim free. */
  async *#unserved(claim: Claim): AsyncIterable<VerificationMessage> {
    const { state } = this.#dependencies.platform;
    const { binding } = claim;
    if (binding === undefined || !this.#isCurrent(claim)) return;
    const { node, endpoint } = binding;
    if (!state.nodes.has(node))
      return yield* this.#dependencies.judge.hear([unservedFinding(claim, `node ${node} was deleted`)]);
    const said = await this.#ask(node);
    if (!this.#isCurrent(claim)) return;
    if ("reason" in said) {
      yield* this.#unheard(node, said.reason);
      const { repair: _, ...finding } = unservedFinding(claim, `node ${node} does not say whether it has it`);
      const remedy = `nothing as long as nothing is known of node ${node}`;
      return yield* this.#dependencies.judge.hear([{ ...finding, remedy }]);
    }
    // What the node has is recorded again, as an endpoint that the book does not have.
    if (idsOf(said).has(endpoint) || claim.revision > said.revision) return;
    const finding = unservedFinding(claim, `node ${node} does not have it either`);
    yield* this.#dependencies.judge.hear([{ ...finding, evidence: `${finding.evidence} ${said.run}` }]);
  }

  async *#locks(): AsyncIterable<VerificationMessage> {
    const book = createBookCheck(this.#dependencies.platform);
    const networks = this.#inExtent();
    const total = networks.reduce((sum, { addresses }) => sum + addresses.size, 0);
    const right = new Map<string, number>();
    for await (const page of this.#pages("addresses/")) {
      for (const entry of page) {
        const finding = book.isLockRight(entry) ? undefined : await book.lock(entry);
        if (finding === undefined) countUp(right, entry.key);
        else yield* this.#dependencies.judge.hear([finding]);
      }
      this.#counts.addresses += page.length;
      if (this.#counts.addresses % PROGRESS_STEP === 0) yield progress("addresses", this.#counts.addresses, total);
    }
    for (const { tenant, name, addresses, claims } of networks) {
      // As many right locks as there are addresses in claims: each has its own.
      if ((right.get(`${tenant}/${name}`) ?? 0) === addresses.size) continue;
      for (const identity of [...claims.keys()]) {
        const claim = claims.get(identity);
        if (claim !== undefined) yield* this.#dependencies.judge.hear(await book.locksOf(claim));
        await this.#pace.breathe();
      }
    }
    yield progress("addresses", this.#counts.addresses, total);
  }

  async *#pools(): AsyncIterable<VerificationMessage> {
    const book = createBookCheck(this.#dependencies.platform);
    const networks = this.#inExtent();
    for (const [index, network] of networks.entries()) {
      yield progress("pools", index, networks.length);
      let lookedAt = 0;
      for (const finding of book.pool(network)) {
        if (finding !== undefined) yield* this.#dependencies.judge.hear([finding]);
        if (++lookedAt % POOL_STEP === 0) await this.#pace.breathe();
      }
    }
    yield progress("pools", networks.length, networks.length);
  }

  async *#history(): AsyncIterable<VerificationMessage> {
    let newest: LedgerEntry | undefined;
    for await (const page of this.#pages("ledger/")) {
      const findings: Finding[] = [];
      for (const entry of page) {
        const event = readLedgerEntry(entry);
        if (newest !== undefined && !isSameAddress(newest, event)) {
          findings.push(...(await historyFindings(this.#dependencies.platform, newest)));
          newest = undefined;
        }
        // The newest comes first.
        if (newest === undefined && tellsOwner(event)) newest = event;
      }
      yield* this.#dependencies.judge.hear(findings);
      this.#counts.history += page.length;
      if (this.#counts.history % PROGRESS_STEP === 0) yield progress("history", this.#counts.history);
    }
    if (newest !== undefined)
      yield* this.#dependencies.judge.hear(await historyFindings(this.#dependencies.platform, newest));
    yield progress("history", this.#counts.history, this.#counts.history);
  }

  #inExtent() {
    const { tenant, network } = this.#options.extent;
    return [...this.#dependencies.platform.state.networks.values()]
      .flatMap((ofTenant) => [...ofTenant.values()])
      .filter(
        (each) => (tenant === undefined || each.tenant === tenant) && (network === undefined || each.name === network),
      );
  }

  /** Page by page, as they are in the store: a page is of one moment, and what is in memory may be newer. */
  async *#pages(collection: string): AsyncIterable<readonly Entry[]> {
    const { store } = this.#dependencies.platform;
    const { tenant, network } = this.#options.extent;
    const within = tenant === undefined ? "" : `${tenant}/${network === undefined ? "" : `${network}/`}`;
    const prefix = `${collection}${within}`;
    let after: string | undefined;
    for (;;) {
      const page = await store.list(prefix, { limit: PAGE, ...(after === undefined ? {} : { after }) });
      // What is in memory is then at least as new as the page.
      await this.#dependencies.platform.state.reached(page.revision);
      if (page.entries.length > 0) yield page.entries;
      await this.#pace.breathe();
      after = page.entries.at(-1)?.key;
      if (!page.more) return;
    }
  }
}

export function progress(stage: Stage, done: number, total?: number): VerificationMessage {
  return { kind: "progress", stage, done, ...(total === undefined ? {} : { total }) };
}

function isUnknown({ kind }: Finding): boolean {
  return kind === "endpoint-unknown";
}

function isSameAddress(a: LedgerEntry, b: LedgerEntry): boolean {
  return a.address === b.address && a.network === b.network && a.tenant === b.tenant;
}

/** Counts a lock for its network. */
function countUp(counts: Map<string, number>, key: string): void {
  const { tenant, network } = named.network(key.slice(0, key.lastIndexOf("/")));
  counts.set(`${tenant}/${network}`, (counts.get(`${tenant}/${network}`) ?? 0) + 1);
}
