import { Cidr, IpAddress, type Name } from "@holdfast/core";
import type { Endpoint, NodeBlock, NodeFeedMessage } from "@holdfast/model";
import type { NetworkState } from "../state/network-state.ts";
import type { State } from "../state/state.ts";

/**
 * Where the endpoints of routed networks are, as other nodes are told: one message for each block that a node has, and one for each endpoint with
 * addresses outside its node's blocks.
 */
export interface RoutedPlaces {
  /** That the block is there, or that nobody is to look for it there. */
  ofBlock(block: NodeBlock): NodeFeedMessage;
  /** The same of an endpoint; undefined: its node's blocks say it all. */
  ofEndpoint(endpoint: Endpoint): NodeFeedMessage | undefined;
  /** All of a tenant's on other nodes. */
  elsewhere(tenant: Name, node: Name): Iterable<NodeFeedMessage>;
  /** Endpoints of the block's node with addresses in its prefix. There are at most as many as the block has addresses. */
  inside(block: NodeBlock): Iterable<Endpoint>;
}

export function createRoutedPlaces(state: State): RoutedPlaces {
  const stateOf = ({ tenant, network }: { readonly tenant: Name; readonly network: Name }) =>
    state.network(tenant, network);

  function ofBlock(block: NodeBlock): NodeFeedMessage {
    const { lease: id, prefix } = block;
    const via = addressesOfNode(state, block.node);
    const network = stateOf(block)?.record?.id;
    if (network === undefined || via.length === 0) return { kind: "remote-block-gone", id };
    return { kind: "remote-block", block: { id, network, prefix, via } };
  }

  function ofEndpoint(endpoint: Endpoint): NodeFeedMessage | undefined {
    const network = stateOf(endpoint);
    const addresses = endpoint.addresses.filter((address) => network?.blocks.around(address)?.node !== endpoint.node);
    if (addresses.length === 0) return undefined;
    const { id, mac, epoch } = endpoint;
    const via = addressesOfNode(state, endpoint.node);
    const [tunnelAddress] = via;
    if (network?.record === undefined || tunnelAddress === undefined) return { kind: "remote-gone", id };
    return { kind: "remote", remote: { id, network: network.record.id, addresses, mac, tunnelAddress, via, epoch } };
  }

  function* ofNetwork(network: NetworkState, node: Name): Iterable<NodeFeedMessage> {
    for (const block of network.blocks.values()) if (block.node !== node) yield ofBlock(block);
    for (const id of network.endpoints) {
      const endpoint = state.endpoints.get(id);
      const message = endpoint === undefined || endpoint.node === node ? undefined : ofEndpoint(endpoint);
      if (message !== undefined) yield message;
    }
  }

  return {
    ofBlock,
    ofEndpoint,

    *elsewhere(tenant, node) {
      for (const network of state.networks.get(tenant)?.values() ?? []) {
        if (network.record?.kind === "routed") yield* ofNetwork(network, node);
      }
    },

    *inside(block) {
      const network = stateOf(block);
      const seen = new Set<string>();
      for (const address of allOf(block.prefix)) {
        const identity = network?.addresses.get(address);
        const id = identity === undefined ? undefined : network?.claims.get(identity)?.binding?.endpoint;
        const endpoint = id === undefined || seen.has(id) ? undefined : state.endpoints.get(id);
        if (endpoint?.node !== block.node) continue;
        seen.add(endpoint.id);
        yield endpoint;
      }
    },
  };
}

/** Where other nodes route to; none: they cannot. */
function addressesOfNode(state: State, name: Name): IpAddress[] {
  const node = state.nodes.get(name);
  return [...(node?.addresses ?? (node?.tunnelAddress === undefined ? [] : [node.tunnelAddress]))];
}

function* allOf(prefix: Cidr): Iterable<IpAddress> {
  const family = Cidr.family(prefix);
  const last = IpAddress.toBigInt(Cidr.last(prefix));
  for (let value = IpAddress.toBigInt(Cidr.first(prefix)); value <= last; value++) {
    yield IpAddress.fromBigInt(family, value);
  }
}

/** How a node is told that what it was told before is over. */
export function asGone(message: NodeFeedMessage): NodeFeedMessage {
  if (message.kind === "remote") return { kind: "remote-gone", id: message.remote.id };
  if (message.kind === "remote-block") return { kind: "remote-block-gone", id: message.block.id };
  return message;
}
