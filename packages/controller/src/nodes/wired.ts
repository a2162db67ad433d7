import type { BoundEndpoint, Endpoint, Network, WiredNetwork } from "@holdfast/model";

/** A network as nodes get it. */
export function wiredNetwork(network: Network): WiredNetwork {
  const { id, tenant, name, kind, mtu, docker, masquerade } = network;
  const subnets = network.subnets.map(({ prefix, gateway }) =>
    gateway === undefined ? { prefix } : { prefix, gateway },
  );
  const { nodeBlocks, cooldownSeconds, retention } = network;
  const blocks = nodeBlocks === undefined ? {} : { nodeBlocks: { size: nodeBlocks.size, cooldownSeconds } };
  const lasting = retention === undefined ? {} : { retention };
  const segment = network.segment === undefined ? {} : { segment: network.segment };
  const masqueraded = masquerade === true ? { masquerade } : {};
  const options = { ...masqueraded, ...blocks, ...probeOf(network), ...lasting };
  return { id, tenant, name, kind, ...segment, mtu, subnets, docker, ...options };
}

function probeOf({ conflictProbe }: Network): Pick<WiredNetwork, "conflictProbe"> {
  if (conflictProbe === undefined) return {};
  const { probes, milliseconds } = conflictProbe;
  return { conflictProbe: { probes, milliseconds } };
}

/** An endpoint as its node gets it. */
export function boundEndpoint(endpoint: Endpoint): BoundEndpoint {
  const { id, tenant, network, identity, epoch, addresses, mac } = endpoint;
  return { id, tenant, network, identity, epoch, addresses, mac };
}
