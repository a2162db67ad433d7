import type { Name } from "@holdfast/core";
import type { NodeFeedMessage } from "@holdfast/model";
import type { FeedConnections } from "./feed-connections.ts";
import { isGone, type Place, type RemotePlaces } from "./remote-places.ts";
import { asGone } from "./routed-places.ts";

/** Which nodes share what, and so tell each other where it is. The work for a place is proportional to the nodes that it concerns. */
export interface Peers {
  clear(): void;
  /** Counts an endpoint or a block in. */
  count(place: Place): void;
  /** Counts it in, says so to its node's peers, and tells the node of theirs, when it is its first of what is shared. */
  arrive(place: Place, messages: Iterable<NodeFeedMessage | undefined>): void;
  /** Counts it out, says so to its node's peers, and takes theirs from the node, when it was its last. */
  leave(place: Place, messages: Iterable<NodeFeedMessage | undefined>): void;
  /** Tells the nodes that share with the place's node. */
  tell(place: Place, message: NodeFeedMessage | undefined): void;
}

export function createPeers(places: RemotePlaces, connections: Pick<FeedConnections, "has" | "send">): Peers {
  /** How many endpoints, and blocks of routed networks, each node has of what is shared by nodes. */
  const nodesOf = new Map<string, Map<Name, number>>();

  /** Gives how many the place's node then has of what nodes tell each other about. */
  function step(place: Place, by: 1 | -1): number | undefined {
    const shared = places.sharedBy(place);
    if (shared === undefined) return undefined;
    const nodes = nodesOf.get(shared) ?? new Map<Name, number>();
    const number = (nodes.get(place.node) ?? 0) + by;
    if (number > 0) nodesOf.set(shared, nodes.set(place.node, number));
    else if (nodes.delete(place.node) && nodes.size === 0) nodesOf.delete(shared);
    return number;
  }

  function tell(place: Place, message: NodeFeedMessage | undefined): void {
    if (message === undefined) return;
    for (const peer of nodesOf.get(places.sharedBy(place) ?? "")?.keys() ?? []) {
      if (peer !== place.node) connections.send(peer, message);
    }
  }

  return {
    clear: () => nodesOf.clear(),

    count(place) {
      step(place, 1);
    },

    arrive(place, messages) {
      const isFirst = step(place, 1) === 1;
      for (const message of messages) tell(place, message);
      if (!isFirst || !connections.has(place.node)) return;
      for (const message of places.elsewhere(place)) if (!isGone(message)) connections.send(place.node, message);
    },

    leave(place, messages) {
      const wasLast = step(place, -1) === 0;
      for (const message of messages) tell(place, message);
      if (!wasLast || !connections.has(place.node)) return;
      for (const message of places.elsewhere(place)) connections.send(place.node, asGone(message));
    },

    tell,
  };
}
