import type { Writable } from "node:stream";
import type { Clock, Name } from "@holdfast/core";
import type { Endpoint, NodeBlock, NodeFeedMessage, Reservation } from "@holdfast/model";
import type { NodePolicyChange } from "@holdfast/policy";
import type { FollowedPolicies } from "../policy/followed-policies.ts";
import type { QosChoice } from "../qos/choice.ts";
import type { StateChange, StoredNetwork, StoredNode } from "../state/records.ts";
import type { State } from "../state/state.ts";
import { createFeedConnections, type FeedConnectionsOptions } from "./feed-connections.ts";
import { feedSnapshot } from "./feed-snapshot.ts";
import { createNodePolicies } from "./node-policies.ts";
import { createPeers } from "./peers.ts";
import { createRemotePlaces } from "./remote-places.ts";
import { asGone, createRoutedPlaces } from "./routed-places.ts";
import { boundEndpoint, wiredNetwork } from "./wired.ts";

/** Tells every node what it needs, and no more. The work for a change is proportional to the nodes that it concerns. */
export interface NodeFeeds {
  /** Tells the node everything, then each change, until the output is closed; of policies and QoS only when it asks for them: agents may be older. */
  open(node: Name, output: Writable, wishes?: { readonly policies: boolean; readonly qos?: boolean }): void;
  /** Counts which nodes have endpoints in which networks. */
  load(): void;
  follow(changes: readonly StateChange[]): void;
  /** Which programs decide about an endpoint; empty: nothing but that tenants are kept apart. */
  policyOf(endpoint: Endpoint): NonNullable<Reservation["policy"]>;
  /** Tells a node of an endpoint of its own again. */
  remind(endpoint: Endpoint): void;
  /** Asks the node what it has, and says up to where it has been told; whether it is connected. */
  askInventory(node: Name, revision: number): boolean;
  /** Has a node take an endpoint off the wire that is not its own, whatever its book says; whether it is connected. */
  tellGone(node: Name, endpoint: string, reason: string): boolean;
  /** Sends signs of life until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
  readonly connections: number;
  close(): void;
}

export interface NodeFeedDependencies {
  readonly state: State;
  readonly clock: Clock;
  readonly policies: FollowedPolicies;
  readonly qos: QosChoice;
}

export interface NodeFeedOptions extends FeedConnectionsOptions {
  /** Milliseconds between signs of life. */
  readonly beat: number;
}

export function createNodeFeeds(
  { state, clock, policies, qos }: NodeFeedDependencies,
  { beat, ...options }: NodeFeedOptions,
): NodeFeeds {
  const connections = createFeedConnections(options);
  const routed = createRoutedPlaces(state);
  const places = createRemotePlaces(state, routed);
  const peers = createPeers(places, connections);
  const nodePolicies = createNodePolicies({
    state,
    policies,
    isConnected: (node) => connections.has(node),
    send: (node, change) => connections.send(node, policyMessage(change, false)),
  });

  /** Nodes that want to hear of QoS. */
  const qosNodes = new Set<Name>();
  const asTold = (endpoint: Endpoint, terms: boolean) => ({
    ...boundEndpoint(endpoint),
    ...(terms ? qos.termsOf(endpoint) : {}),
  });

  function tellOwn(endpoint: Endpoint): void {
    const { node } = endpoint;
    if (connections.has(node))
      connections.send(node, { kind: "endpoint", endpoint: asTold(endpoint, qosNodes.has(node)) });
  }

  function arrive(endpoint: Endpoint): void {
    tellOwn(endpoint);
    peers.arrive(endpoint, [places.ofEndpoint(endpoint)]);
  }

  function leave(endpoint: Endpoint, reason: string): void {
    connections.send(endpoint.node, { kind: "endpoint-gone", id: endpoint.id, reason });
    const message = places.ofEndpoint(endpoint);
    peers.leave(endpoint, [message && asGone(message)]);
  }

  function followNode(before: StoredNode | undefined, after: StoredNode | undefined, name: Name): void {
    if (before?.tunnelAddress === after?.tunnelAddress && sameAddresses(before, after)) return;
    for (const id of state.endpointsOfNode.get(name) ?? []) {
      const endpoint = state.endpoints.get(id);
      if (endpoint !== undefined) peers.tell(endpoint, places.ofEndpoint(endpoint));
    }
    for (const block of state.blocksOfNode.get(name) ?? [])
      if (places.isRouted(block)) peers.tell(block, routed.ofBlock(block));
  }

  function followNetwork(before: StoredNetwork | undefined, after: StoredNetwork | undefined): void {
    if (after !== undefined) {
      const network = wiredNetwork(after);
      if (before !== undefined && JSON.stringify(wiredNetwork(before)) === JSON.stringify(network)) return;
      connections.sendToAll({ kind: "network", network });
    } else if (before !== undefined) connections.sendToAll({ kind: "network-gone", id: before.id });
  }

  function followBlock(before: NodeBlock | undefined, after: NodeBlock | undefined): void {
    if (after !== undefined) connections.send(after.node, { kind: "block", block: after });
    else if (before !== undefined) {
      connections.send(before.node, { kind: "block-gone", lease: before.lease, reason: "given back or reclaimed" });
    }
    if (before?.lease === after?.lease) return;
    if (after !== undefined && places.isRouted(after)) peers.arrive(after, newsOfArrival(after));
    if (before !== undefined && places.isRouted(before)) peers.leave(before, newsOfLeaving(before));
  }

  function* newsOfArrival(block: NodeBlock): Iterable<NodeFeedMessage> {
    yield routed.ofBlock(block);
    // What the block says needs not be said of each.
    for (const { id } of routed.inside(block)) yield { kind: "remote-gone", id };
  }

  function* newsOfLeaving(block: NodeBlock): Iterable<NodeFeedMessage | undefined> {
    // First: what is left in it has a place of its own then.
    for (const endpoint of routed.inside(block)) yield routed.ofEndpoint(endpoint);
    yield { kind: "remote-block-gone", id: block.lease };
  }

  return {
    get connections() {
      return connections.size;
    },

    open(node, output, wishes) {
      if (wishes?.qos === true) qosNodes.add(node);
      else qosNodes.delete(node);
      const snapshot = feedSnapshot(state, places, node, (endpoint) => asTold(endpoint, wishes?.qos === true));
      if (wishes?.policies !== true) return connections.add(node, output, snapshot);
      // First: from then on an endpoint that has no policy is one that was not told yet.
      const told = policyMessage(nodePolicies.open(node), true);
      connections.add(node, output, after(told, snapshot));
    },

    load() {
      nodePolicies.load();
      peers.clear();
      for (const endpoint of state.endpoints.values()) peers.count(endpoint);
      for (const blocks of state.blocksOfNode.values()) {
        for (const block of blocks) if (places.isRouted(block)) peers.count(block);
      }
    },

    follow(changes) {
      // Before an endpoint itself: it has its policy before its first packet.
      nodePolicies.follow(changes);
      for (const change of changes) if (change.kind === "network") followNetwork(change.before, change.after);
      // What a node may no longer give goes before the news that it has lost an endpoint with it.
      for (const change of changes) if (change.kind === "block") followBlock(change.before, change.after);
      // What is new goes first: an address that moves is then never nowhere.
      for (const change of changes) {
        if (change.kind === "endpoint" && change.after !== undefined && change.before === undefined)
          arrive(change.after);
        if (change.kind === "node") {
          const name = change.after?.name ?? change.before?.name;
          if (name !== undefined) followNode(change.before, change.after, name);
        }
      }
      for (const endpoint of qos.concerned(changes)) {
        if (qosNodes.has(endpoint.node)) tellOwn(endpoint);
      }
      for (const change of changes) {
        if (change.kind !== "endpoint" || change.before === undefined || change.after !== undefined) continue;
        leave(change.before, reasonOf(changes, change.before));
      }
    },

    policyOf: nodePolicies.policyOf,

    askInventory(node, revision) {
      connections.send(node, { kind: "inventory-wanted", revision });
      return connections.has(node);
    },

    tellGone(node, id, reason) {
      connections.send(node, { kind: "endpoint-gone", id, reason });
      return connections.has(node);
    },

    remind: tellOwn,

    async run(signal) {
      while (!signal.aborted) {
        // The wait ends early only when the controller stops.
        await clock.wait(beat, signal).catch(() => undefined);
        if (signal.aborted) return;
        connections.sendToIdle({ kind: "beat", revision: state.revision });
      }
    },

    close: () => connections.close(),
  };
}

function* after(first: NodeFeedMessage, rest: Iterable<NodeFeedMessage>): Generator<NodeFeedMessage, void> {
  yield first;
  yield* rest;
}

function policyMessage(change: NodePolicyChange, whole: boolean): NodeFeedMessage {
  // What is told is only read; the message's type is of what was parsed, which may be written to.
  return { kind: "policy", whole, change } as unknown as NodeFeedMessage;
}

function sameAddresses(before: StoredNode | undefined, after: StoredNode | undefined): boolean {
  return before?.addresses?.join() === after?.addresses?.join();
}

function reasonOf(changes: readonly StateChange[], endpoint: Endpoint): string {
  for (const change of changes) {
    if (change.kind !== "superseded" || change.after === undefined) continue;
    if (change.node === endpoint.node && change.endpoint === endpoint.id) return change.after.reason;
  }
  return "released";
}
