import type { Writable } from "node:stream";
import type { Clock, Name } from "@holdfast/core";
import type { Endpoint, NodeBlock, NodeFeedMessage } from "@holdfast/model";
import type { NetworkState } from "../state/network-state.ts";
import type { StateChange, StoredNetwork, StoredNode } from "../state/records.ts";
import type { State } from "../state/state.ts";
import { FeedConnection, lineOf } from "./feed-connection.ts";
import { asGone, createRoutedPlaces, type RoutedPlaces } from "./routed-places.ts";
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
  const routed = createRoutedPlaces(state);
  /** How many endpoints, and blocks of routed networks, each node has of what is {@link sharedBy} nodes. */
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

  /** Counts an endpoint or a block in or out; gives how many its node then has of what nodes tell each other about. */
  function count(shared: string | undefined, node: Name, step: 1 | -1): number | undefined {
    if (shared === undefined) return undefined;
    const nodes = nodesOf.get(shared) ?? new Map<Name, number>();
    const number = (nodes.get(node) ?? 0) + step;
    if (number > 0) nodesOf.set(shared, nodes.set(node, number));
    else if (nodes.delete(node) && nodes.size === 0) nodesOf.delete(shared);
    return number;
  }

  function tellPeers(place: Place, message: NodeFeedMessage | undefined): void {
    if (message === undefined) return;
    for (const peer of nodesOf.get(sharedBy(state, place) ?? "")?.keys() ?? []) {
      if (peer !== place.node) send(peer, message);
    }
  }

  /** The node's first of what is shared: it is told of the others'. */
  function introduce(place: Place, number: number | undefined): void {
    if (number !== 1 || !open.has(place.node)) return;
    for (const message of elsewhere(place)) if (!isGone(message)) send(place.node, message);
  }

  /** The node's last. */
  function dismiss(place: Place, number: number | undefined): void {
    if (number !== 0 || !open.has(place.node)) return;
    for (const message of elsewhere(place)) send(place.node, asGone(message));
  }

  function* elsewhere({ tenant, network, node }: Place): Iterable<NodeFeedMessage> {
    const found = state.network(tenant, network);
    if (found?.record?.kind === "routed") yield* routed.elsewhere(tenant, node);
    if (found?.record?.kind === "vxlan") yield* overlaid(state, found, node);
  }

  function messageOf(endpoint: Endpoint): NodeFeedMessage | undefined {
    const kind = state.network(endpoint.tenant, endpoint.network)?.record?.kind;
    return kind === "routed" ? routed.ofEndpoint(endpoint) : remoteMessage(state, endpoint);
  }

  function arrive(endpoint: Endpoint): void {
    const number = count(sharedBy(state, endpoint), endpoint.node, 1);
    send(endpoint.node, { kind: "endpoint", endpoint: boundEndpoint(endpoint) });
    tellPeers(endpoint, messageOf(endpoint));
    introduce(endpoint, number);
  }

  function leave(endpoint: Endpoint, reason: string): void {
    const number = count(sharedBy(state, endpoint), endpoint.node, -1);
    send(endpoint.node, { kind: "endpoint-gone", id: endpoint.id, reason });
    const message = messageOf(endpoint);
    tellPeers(endpoint, message && asGone(message));
    dismiss(endpoint, number);
  }

  function followNode(before: StoredNode | undefined, after: StoredNode | undefined, name: Name): void {
    if (before?.tunnelAddress === after?.tunnelAddress && sameAddresses(before, after)) return;
    for (const id of state.endpointsOfNode.get(name) ?? []) {
      const endpoint = state.endpoints.get(id);
      if (endpoint !== undefined) tellPeers(endpoint, messageOf(endpoint));
    }
    for (const block of state.blocksOfNode.get(name) ?? [])
      if (isRouted(block)) tellPeers(block, routed.ofBlock(block));
  }

  function isRouted({ tenant, network }: NodeBlock): boolean {
    return state.network(tenant, network)?.record?.kind === "routed";
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
    if (before?.lease === after?.lease) return;
    if (after !== undefined && isRouted(after)) arriveBlock(after);
    if (before !== undefined && isRouted(before)) leaveBlock(before);
  }

  function arriveBlock(block: NodeBlock): void {
    const number = count(sharedBy(state, block), block.node, 1);
    tellPeers(block, routed.ofBlock(block));
    // What the block says needs not be said of each.
    for (const { id } of routed.inside(block)) tellPeers(block, { kind: "remote-gone", id });
    introduce(block, number);
  }

  function leaveBlock(block: NodeBlock): void {
    const number = count(sharedBy(state, block), block.node, -1);
    // First: what is left in it has a place of its own then.
    for (const endpoint of routed.inside(block)) tellPeers(endpoint, routed.ofEndpoint(endpoint));
    tellPeers(block, { kind: "remote-block-gone", id: block.lease });
    dismiss(block, number);
  }

  return {
    get connections() {
      return [...open.values()].reduce((sum, { size }) => sum + size, 0);
    },

    open(node, output) {
      const connection = new FeedConnection(output, snapshot(state, routed, node), {
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
      for (const endpoint of state.endpoints.values()) count(sharedBy(state, endpoint), endpoint.node, 1);
      for (const [node, blocks] of state.blocksOfNode) {
        for (const block of blocks) if (isRouted(block)) count(sharedBy(state, block), node, 1);
      }
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
function snapshot(state: State, routed: RoutedPlaces, node: Name): Iterable<NodeFeedMessage> {
  const networks = [...state.networks.values()].flatMap((ofTenant) =>
    [...ofTenant.values()].flatMap(({ record }) => record ?? []),
  );
  const own = [...(state.endpointsOfNode.get(node) ?? [])].flatMap((id) => state.endpoints.get(id) ?? []);
  const blocks = [...(state.blocksOfNode.get(node) ?? [])];
  const places = [...own, ...blocks].map(({ tenant, network }) => ({
    tenant,
    network,
    found: state.network(tenant, network),
  }));
  const overlays = new Set(places.flatMap(({ found }) => (found?.record?.kind === "vxlan" ? found : [])));
  const tenants = new Set(places.flatMap(({ found, tenant }) => (found?.record?.kind === "routed" ? tenant : [])));
  const others = [
    ...[...overlays].flatMap((network) => [...overlaid(state, network, node)]),
    ...[...tenants].flatMap((tenant) => [...routed.elsewhere(tenant, node)]),
  ];
  const { revision } = state;
  return (function* messages(): Iterable<NodeFeedMessage> {
    for (const network of networks) yield { kind: "network", network: wiredNetwork(network) };
    for (const block of blocks) yield { kind: "block", block };
    for (const endpoint of own) yield { kind: "endpoint", endpoint: boundEndpoint(endpoint) };
    for (const message of others) if (!isGone(message)) yield message;
    yield { kind: "synced", revision };
  })();
}

/** An endpoint or a block, as far as it says where it is. */
interface Place {
  readonly tenant: Name;
  readonly network: Name;
  readonly node: Name;
}

/** What nodes tell each other about: an overlay; all routed networks of a tenant, which reach each other. Undefined: nothing, nobody needs to know. */
function sharedBy(state: State, { tenant, network }: Place): string | undefined {
  switch (state.network(tenant, network)?.record?.kind) {
    case "vxlan":
      return `${tenant}/${network}`;
    case "routed":
      return tenant;
    case "vlan":
    case undefined:
      return undefined;
  }
}

function isGone({ kind }: NodeFeedMessage): boolean {
  return kind === "remote-gone" || kind === "remote-block-gone";
}

function sameAddresses(before: StoredNode | undefined, after: StoredNode | undefined): boolean {
  return before?.addresses?.join() === after?.addresses?.join();
}

/** Where the endpoints of an overlay on other nodes are. */
function* overlaid(state: State, network: NetworkState, node: Name): Iterable<NodeFeedMessage> {
  for (const id of network.endpoints) {
    const other = state.endpoints.get(id);
    if (other !== undefined && other.node !== node) yield remoteMessage(state, other);
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
