import { Identity, type Name } from "@holdfast/core";
import type { Endpoint, NodeBlock } from "@holdfast/model";
import {
  type CompilerChange,
  type Member,
  NO_NEWS,
  NodePolicy,
  type NodePolicyChange,
  type Stale,
} from "@holdfast/policy";
import type { FollowedPolicies } from "../policy/followed-policies.ts";
import { memberOf } from "../policy/policy-world.ts";
import type { StateChange } from "../state/records.ts";
import type { State } from "../state/state.ts";

/** What nodes are told of policies: what the endpoints on them need, as it changes. */
export interface NodePolicies {
  load(): void;
  /** The node listens from now on. Gives everything that it needs. */
  open(node: Name): NodePolicyChange;
  follow(changes: readonly StateChange[]): void;
  /** Which programs decide about an endpoint; empty: nothing but that tenants are kept apart. */
  policyOf(endpoint: Endpoint): { program?: string; staged?: string };
}

export interface NodePoliciesDependencies {
  readonly state: State;
  readonly policies: FollowedPolicies;
  readonly isConnected: (node: Name) => boolean;
  readonly send: (node: Name, change: NodePolicyChange) => void;
}

/** Endpoints that a node makes by itself have no claim that anybody knows: no label and no name chooses them. */
const NOBODY = Identity.parse("ephemeral/of-a-node");

export function createNodePolicies({ state, policies, isConnected, send }: NodePoliciesDependencies): NodePolicies {
  const { compiler } = policies;
  const listening = new Map<Name, NodePolicy>();
  /** Nodes by the sets and blocks that they were told. */
  const users = new Map<string, Set<Name>>();

  function memberOfEndpoint({ tenant, network, identity, addresses }: Endpoint): Member {
    const claim = state.network(tenant, network)?.claims.get(identity);
    return claim === undefined ? { tenant, network, identity, labels: {}, addresses } : memberOf(claim);
  }

  /** The node, while it listens. */
  function listener(node: Name): NodePolicy | undefined {
    const policy = listening.get(node);
    if (policy === undefined || isConnected(node)) return policy;
    policy.close();
    note(node, policy.take());
    listening.delete(node);
    return undefined;
  }

  function note(node: Name, news: NodePolicyChange | undefined): void {
    if (news === undefined) return;
    const come = [...news.sets.map(({ id }) => `set ${id}`), ...news.blocks.map(({ id }) => `block ${id}`)];
    for (const what of come) users.getOrInsertComputed(what, () => new Set<Name>()).add(node);
    for (const what of [...news.setsGone.map((id) => `set ${id}`), ...news.blocksGone.map((id) => `block ${id}`)]) {
      const nodes = users.get(what);
      nodes?.delete(node);
      if (nodes?.size === 0) users.delete(what);
    }
  }

  function setEndpoint(endpoint: Endpoint, touched: Set<Name>): void {
    const node = listener(endpoint.node);
    if (node === undefined) return;
    node.setEndpoint(endpoint.id, memberOfEndpoint(endpoint));
    touched.add(endpoint.node);
  }

  /** Programs of what a node makes by itself in a network of which it has a block. */
  function setBlock({ tenant, network, node: name }: NodeBlock, touched: Set<Name>): void {
    const record = state.network(tenant, network)?.record;
    const node = listener(name);
    if (node === undefined || record === undefined) return;
    node.setEndpoint(`network/${record.id}`, { tenant, network, identity: NOBODY, labels: {}, addresses: [] });
    touched.add(name);
  }

  function dropBlock({ tenant, network, node: name }: NodeBlock, touched: Set<Name>): void {
    const record = state.network(tenant, network)?.record;
    const isLast = ![...(state.blocksOfNode.get(name) ?? [])].some(
      (one) => one.tenant === tenant && one.network === network,
    );
    const node = listener(name);
    if (node === undefined || record === undefined || !isLast) return;
    node.removeEndpoint(`network/${record.id}`);
    touched.add(name);
  }

  function renew(stale: Stale, touched: Set<Name>): void {
    const networks = [...(state.networks.get(stale.tenant)?.values() ?? [])].filter(
      ({ name }) => stale.kind === "tenant" || name === stale.network,
    );
    for (const { endpoints, blocks, claims } of networks) {
      if (stale.kind === "member") {
        const { binding } = claims.get(stale.identity) ?? {};
        const endpoint = binding && state.endpoints.get(binding.endpoint);
        if (endpoint !== undefined) setEndpoint(endpoint, touched);
        continue;
      }
      for (const id of endpoints) {
        const endpoint = state.endpoints.get(id);
        if (endpoint === undefined || !listening.has(endpoint.node)) continue;
        if (stale.kind === "network" || stale.concerns(memberOfEndpoint(endpoint))) setEndpoint(endpoint, touched);
      }
      for (const block of blocks.values()) setBlock(block, touched);
    }
  }

  function spread(change: CompilerChange, touched: Set<Name>): void {
    const what = [
      ...change.setEdits.map(({ id }) => `set ${id}`),
      ...[...change.setsBegun].map((id) => `set ${id}`),
      ...[...change.blocks].map((id) => `block ${id}`),
    ];
    const concerned = new Set(what.flatMap((one) => [...(users.get(one) ?? [])]));
    for (const name of concerned) {
      listener(name)?.follow(change);
      touched.add(name);
    }
    for (const stale of change.stale) renew(stale, touched);
  }

  return {
    load: () => policies.load(),

    policyOf(endpoint) {
      const { enforced, staged } = compiler.outlines(memberOfEndpoint(endpoint));
      const allowed = enforced.ingress.verdict === "allow" && enforced.egress.verdict === "allow";
      if (allowed && enforced.blocks.length === 0 && staged === undefined) return {};
      return { program: enforced.id, ...(staged === undefined ? {} : { staged: staged.id }) };
    },

    open(name) {
      const former = listening.get(name);
      const node = new NodePolicy(compiler);
      for (const id of state.endpointsOfNode.get(name) ?? []) {
        const endpoint = state.endpoints.get(id);
        if (endpoint !== undefined) node.setEndpoint(id, memberOfEndpoint(endpoint));
      }
      listening.set(name, node);
      for (const block of state.blocksOfNode.get(name) ?? []) {
        const record = state.network(block.tenant, block.network)?.record;
        const { tenant, network } = block;
        if (record === undefined) continue;
        node.setEndpoint(`network/${record.id}`, { tenant, network, identity: NOBODY, labels: {}, addresses: [] });
      }
      former?.close();
      note(name, former?.take());
      const everything = node.take() ?? NO_NEWS;
      note(name, everything);
      return everything;
    },

    follow(changes) {
      const change = policies.follow(changes);
      const touched = new Set<Name>();
      spread(change, touched);
      for (const { kind, before, after } of changes) {
        if (kind === "endpoint" && after !== undefined && before === undefined) setEndpoint(after, touched);
        if (kind === "block" && after !== undefined && before === undefined) setBlock(after, touched);
      }
      for (const { kind, before, after } of changes) {
        if (kind === "endpoint" && before !== undefined && after === undefined) {
          listener(before.node)?.removeEndpoint(before.id);
          touched.add(before.node);
        }
        if (kind === "block" && before !== undefined && after === undefined) dropBlock(before, touched);
      }
      for (const node of touched) {
        const news = listener(node)?.take();
        if (news === undefined) continue;
        note(node, news);
        send(node, news);
      }
    },
  };
}
