import type { Writable } from "node:stream";
import type { Clock, Name } from "@holdfast/core";
import type { Endpoint, NodeBlock, NodeFeedMessage } from "@holdfast/model";
import type { NetworkState } from "../state/network-state.ts";
import type { StateChange, StoredNetwork, StoredNode } from "../state/records.ts";
import type { State } from "../state/state.ts";
import { FeedConnection, lineOf } from "./feed-connection.ts";
import { boundEndpoint, wiredNetwork } from "./wired.ts";

/** Tells every node what it needs, and no more. The work for a change is proportional to the nodes that it concerns. */
export interface NodeFeeds {
  /** Tells the node everything, then each change, until the output is closed. */
  open(node: Name, output: Writable): void;
  /** Counts which nodes have endpoints in which networks. */
  load(): void;
  follow(changes: readonly StateChange[]): void;
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

export interface NodeFeedOptions {
  /** Milliseconds between signs of life. */
  readonly beat: number;
  /** Characters of news that may wait for a slow reader. */
  readonly mostWaiting: number;
  readonly dropped: () => void;
}

type Sender = (node: Name, message: NodeFeedMessage) => void;

export function createNodeFeeds(
  { state, clock }: { readonly state: State; readonly clock: Clock },
  options: NodeFeedOptions,
): NodeFeeds {
  const open = new Map<Name, Set<{ readonly connection: FeedConnection; readonly output: Writable }>>();
  /** How many endpoints each node has in each network. */
  const nodesOf = new Map<string, Map<Name, number>>();

  const send: Sender = (node, message) => {
    const connections = open.get(node);
    if (connections === undefined) return;
    const line = lineOf(message);
    for (const { connection } of connections) connection.send(line);
  };

  function sendToAll(message: NodeFeedMessage): void {
    const line = lineOf(message);
    for (const connections of open.values()) for (const { connection } of connections) connection.send(line);
  }

  /** Counts an endpoint in or out; gives how many its node then has in the network. */
  function count({ tenant, network, node }: Endpoint, step: 1 | -1): number {
    const key = `${tenant}/${network}`;
    const nodes = nodesOf.get(key) ?? new Map<Name, number>();
    const number = (nodes.get(node) ?? 0) + step;
    if (number > 0) nodesOf.set(key, nodes.set(node, number));
    else if (nodes.delete(node) && nodes.size === 0) nodesOf.delete(key);
    return number;
  }

  /** Other nodes that have endpoints in the endpoint's network, when that is an overlay. */
  function* peersOf({ tenant, network, node }: Endpoint): Iterable<Name> {
    if (state.network(tenant, network)?.record?.kind !== "vxlan") return;
    for (const peer of nodesOf.get(`${tenant}/${network}`)?.keys() ?? []) if (peer !== node) yield peer;
  }

  function arrive(endpoint: Endpoint): void {
    const first = count(endpoint, 1) === 1;
    send(endpoint.node, { kind: "endpoint", endpoint: boundEndpoint(endpoint) });
    tellPeers(endpoint);
    if (!first || !open.has(endpoint.node)) return;
    for (const message of remotesFor(state, endpoint)) send(endpoint.node, message);
  }

  function tellPeers(endpoint: Endpoint): void {
    const message = remoteMessage(state, endpoint);
    for (const peer of peersOf(endpoint)) send(peer, message);
  }

  function leave(endpoint: Endpoint, reason: string): void {
    const last = count(endpoint, -1) === 0;
    send(endpoint.node, { kind: "endpoint-gone", id: endpoint.id, reason });
    for (const peer of peersOf(endpoint)) send(peer, { kind: "remote-gone", id: endpoint.id });
    if (!last || !open.has(endpoint.node)) return;
    for (const { id } of othersIn(state, endpoint)) send(endpoint.node, { kind: "remote-gone", id });
  }

  function followNode(before: StoredNode | undefined, after: StoredNode | undefined, name: Name): void {
    if (before?.tunnelAddress === after?.tunnelAddress) return;
    for (const id of state.endpointsOfNode.get(name) ?? []) {
      const endpoint = state.endpoints.get(id);
      if (endpoint !== undefined) tellPeers(endpoint);
    }
  }

  function followNetwork(before: StoredNetwork | undefined, after: StoredNetwork | undefined): void {
    if (after !== undefined) {
      const network = wiredNetwork(after);
      if (before !== undefined && JSON.stringify(wiredNetwork(before)) === JSON.stringify(network)) return;
      sendToAll({ kind: "network", network });
    } else if (before !== undefined) sendToAll({ kind: "network-gone", id: before.id });
  }

  function followBlock(before: NodeBlock | undefined, after: NodeBlock | undefined): void {
    if (after !== undefined) send(after.node, { kind: "block", block: after });
    else if (before !== undefined) {
      send(before.node, { kind: "block-gone", lease: before.lease, reason: "given back or reclaimed" });
    }
  }

  return {
    get connections() {
      return [...open.values()].reduce((sum, { size }) => sum + size, 0);
    },

    open(node, output) {
      const connection = new FeedConnection(output, snapshot(state, node), {
        mostWaiting: options.mostWaiting,
        tooSlow: options.dropped,
      });
      const entry = { connection, output };
      const connections = open.get(node) ?? new Set();
      open.set(node, connections.add(entry));
      output.on("close", () => {
        connections.delete(entry);
        if (connections.size === 0 && open.get(node) === connections) open.delete(node);
      });
      connection.pump();
    },

    load() {
      nodesOf.clear();
      for (const endpoint of state.endpoints.values()) count(endpoint, 1);
    },

    follow(changes) {
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
      for (const change of changes) {
        if (change.kind !== "endpoint" || change.before === undefined || change.after !== undefined) continue;
        leave(change.before, reasonOf(changes, change.before));
      }
    },

    askInventory(node, revision) {
      send(node, { kind: "inventory-wanted", revision });
      return open.has(node);
    },

    tellGone(node, id, reason) {
      send(node, { kind: "endpoint-gone", id, reason });
      return open.has(node);
    },

    remind: (endpoint) => send(endpoint.node, { kind: "endpoint", endpoint: boundEndpoint(endpoint) }),

    async run(signal) {
      while (!signal.aborted) {
        // The wait ends early only when the controller stops.
        await clock.wait(options.beat, signal).catch(() => undefined);
        if (signal.aborted) return;
        const line = lineOf({ kind: "beat", revision: state.revision });
        for (const connections of open.values()) {
          for (const { connection } of connections) if (connection.idle) connection.send(line);
        }
      }
    },

    close() {
      for (const connections of open.values()) for (const { output } of connections) output.destroy();
    },
  };
}

/** What a node is told first. The objects are taken at once, the messages are made as they are read. */
function snapshot(state: State, node: Name): Iterable<NodeFeedMessage> {
  const networks = [...state.networks.values()].flatMap((ofTenant) =>
    [...ofTenant.values()].flatMap(({ record }) => record ?? []),
  );
  const own = [...(state.endpointsOfNode.get(node) ?? [])].flatMap((id) => state.endpoints.get(id) ?? []);
  const blocks = [...(state.blocksOfNode.get(node) ?? [])];
  const firsts = new Map(own.map((endpoint) => [`${endpoint.tenant}/${endpoint.network}`, endpoint]));
  const others = [...firsts.values()].flatMap((endpoint) => [...othersIn(state, endpoint)]);
  const { revision } = state;
  return (function* messages(): Iterable<NodeFeedMessage> {
    for (const network of networks) yield { kind: "network", network: wiredNetwork(network) };
    for (const block of blocks) yield { kind: "block", block };
    for (const endpoint of own) yield { kind: "endpoint", endpoint: boundEndpoint(endpoint) };
    for (const endpoint of others) {
      const message = remoteMessage(state, endpoint);
      if (message.kind === "remote") yield message;
    }
    yield { kind: "synced", revision };
  })();
}

/** Endpoints on other nodes in the endpoint's network, when that is an overlay. */
function* othersIn(state: State, { tenant, network, node }: Endpoint): Iterable<Endpoint> {
  const found: NetworkState | undefined = state.network(tenant, network);
  if (found?.record?.kind !== "vxlan") return;
  for (const id of found.endpoints) {
    const other = state.endpoints.get(id);
    if (other !== undefined && other.node !== node) yield other;
  }
}

function* remotesFor(state: State, endpoint: Endpoint): Iterable<NodeFeedMessage> {
  for (const other of othersIn(state, endpoint)) {
    const message = remoteMessage(state, other);
    if (message.kind === "remote") yield message;
  }
}

/** Where an endpoint is to be reached; that it is not, when its node takes no part in overlays. */
function remoteMessage(state: State, endpoint: Endpoint): NodeFeedMessage {
  const { id, addresses, mac, epoch } = endpoint;
  const network = state.network(endpoint.tenant, endpoint.network)?.record?.id;
  const tunnelAddress = state.nodes.get(endpoint.node)?.tunnelAddress;
  if (network === undefined || tunnelAddress === undefined) return { kind: "remote-gone", id };
  return { kind: "remote", remote: { id, network, addresses, mac, tunnelAddress, epoch } };
}

function reasonOf(changes: readonly StateChange[], endpoint: Endpoint): string {
  for (const change of changes) {
    if (change.kind !== "superseded" || change.after === undefined) continue;
    if (change.node === endpoint.node && change.endpoint === endpoint.id) return change.after.reason;
  }
  return "released";
}
