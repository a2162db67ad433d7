import type { Name } from "@holdfast/core";
import type { Endpoint, NodeFeedMessage } from "@holdfast/model";
import type { State } from "../state/state.ts";
import type { RoutedPlaces } from "./routed-places.ts";

/** An endpoint or a block, as far as it says where it is. */
export interface Place {
  readonly tenant: Name;
  readonly network: Name;
  readonly node: Name;
}

/** Where endpoints are, as other nodes are told, whatever the kind of their network. */
export interface RemotePlaces {
  /** What nodes tell each other about: an overlay; all routed networks of a tenant, which reach each other. Undefined: nothing, nobody needs to know. */
  sharedBy(place: Place): string | undefined;
  /** That the endpoint is there, or that nobody is to look for it there; undefined: its node's blocks say it all. */
  ofEndpoint(endpoint: Endpoint): NodeFeedMessage | undefined;
  /** All of what the place's node shares with others, on these others. */
  elsewhere(place: Place): Iterable<NodeFeedMessage>;
  isRouted(place: Place): boolean;
}

export function createRemotePlaces(state: State, routed: RoutedPlaces): RemotePlaces {
  const kindOf = ({ tenant, network }: Place) => state.network(tenant, network)?.record?.kind;

  /** Where an endpoint is to be reached; that it is not, when its node takes no part in overlays. */
  function overlaid(endpoint: Endpoint): NodeFeedMessage {
    const { id, addresses, mac, epoch } = endpoint;
    const network = state.network(endpoint.tenant, endpoint.network)?.record?.id;
    const tunnelAddress = state.nodes.get(endpoint.node)?.tunnelAddress;
    if (network === undefined || tunnelAddress === undefined) return { kind: "remote-gone", id };
    return { kind: "remote", remote: { id, network, addresses, mac, tunnelAddress, epoch } };
  }

  function* inOverlay({ tenant, network, node }: Place): Iterable<NodeFeedMessage> {
    for (const id of state.network(tenant, network)?.endpoints ?? []) {
      const other = state.endpoints.get(id);
      if (other !== undefined && other.node !== node) yield overlaid(other);
    }
  }

  return {
    sharedBy(place) {
      const { tenant, network } = place;
      switch (kindOf(place)) {
        case "vxlan":
          return `${tenant}/${network}`;
        case "routed":
          return tenant;
        case "vlan":
        case undefined:
          return undefined;
      }
    },

    ofEndpoint: (endpoint) => (kindOf(endpoint) === "routed" ? routed.ofEndpoint(endpoint) : overlaid(endpoint)),

    *elsewhere(place) {
      switch (kindOf(place)) {
        case "vxlan":
          return yield* inOverlay(place);
        case "routed":
          return yield* routed.elsewhere(place.tenant, place.node);
        case "vlan":
        case undefined:
          return;
      }
    },

    isRouted: (place) => kindOf(place) === "routed",
  };
}

/** Whether the message says that something is not there. */
export function isGone({ kind }: NodeFeedMessage): boolean {
  return kind === "remote-gone" || kind === "remote-block-gone";
}
