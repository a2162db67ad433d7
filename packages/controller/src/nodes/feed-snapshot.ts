import type { Name } from "@holdfast/core";
import type { BoundEndpoint, Endpoint, NodeFeedMessage } from "@holdfast/model";
import type { State } from "../state/state.ts";
import { isGone, type RemotePlaces } from "./remote-places.ts";
import { wiredNetwork } from "./wired.ts";

/** What a node is told first. What there is is taken at once, and goes out as it is read. */
export function feedSnapshot(
  state: State,
  places: RemotePlaces,
  node: Name,
  own: (endpoint: Endpoint) => BoundEndpoint,
): Iterable<NodeFeedMessage> {
  const networks = [...state.networks.values()].flatMap((ofTenant) =>
    [...ofTenant.values()].flatMap(({ record }) => record ?? []),
  );
  const endpoints = [...(state.endpointsOfNode.get(node) ?? [])].flatMap((id) => state.endpoints.get(id) ?? []);
  const blocks = [...(state.blocksOfNode.get(node) ?? [])];
  const counted = [...endpoints, ...blocks.filter((block) => places.isRouted(block))];
  const shared = new Map(counted.map((place) => [places.sharedBy(place), place]));
  const others = [...shared.values()].flatMap((place) => [...places.elsewhere(place)]);
  const { revision } = state;
  return (function* messages(): Iterable<NodeFeedMessage> {
    for (const network of networks) yield { kind: "network", network: wiredNetwork(network) };
    for (const block of blocks) yield { kind: "block", block };
    for (const endpoint of endpoints) yield { kind: "endpoint", endpoint: own(endpoint) };
    for (const message of others) if (!isGone(message)) yield message;
    yield { kind: "synced", revision };
  })();
}
