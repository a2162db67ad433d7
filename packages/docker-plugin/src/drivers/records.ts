import { HoldfastError } from "@holdfast/core";
import type { PublishedPort } from "@holdfast/model";
import { formatNetworkKey, type NetworkKey } from "./network-key.ts";
import type { EndpointRecord, NetworkRecord, PluginMemory } from "./state.ts";

/** The plugin's memory: docker networks and endpoints by Docker's ids, written through to a {@link PluginMemory}. */
export interface Records {
  /** @throws HoldfastError `not_found`: nothing is known of this docker network (yet). */
  network(networkId: string): NetworkRecord;
  /** Docker's id of the docker network for a Holdfast network. */
  networkIdOf(key: NetworkKey): string | undefined;
  networks(): ReadonlyMap<string, NetworkRecord>;
  putNetwork(networkId: string, record: NetworkRecord): Promise<void>;
  removeNetwork(networkId: string): Promise<void>;
  endpoint(endpointId: string): EndpointRecord | undefined;
  endpoints(): ReadonlyMap<string, EndpointRecord>;
  putEndpoint(endpointId: string, record: EndpointRecord): Promise<void>;
  removeEndpoint(endpointId: string): Promise<void>;
}

export async function openRecords(memory: PluginMemory): Promise<Records> {
  const loaded = await memory.load();
  const networks = new Map(loaded.networks);
  const endpoints = new Map(loaded.endpoints);

  return {
    network(networkId) {
      const record = networks.get(networkId);
      if (record !== undefined) return record;
      throw new HoldfastError(
        "not_found",
        `docker network ${networkId.slice(0, 12)} is not known to holdfast; what dockerd knows of it is being read, try again`,
      );
    },
    networkIdOf(key) {
      const text = formatNetworkKey(key);
      for (const [id, record] of networks) if (formatNetworkKey(record) === text) return id;
      return undefined;
    },
    networks: () => networks,
    async putNetwork(networkId, record) {
      const before = networks.get(networkId);
      if (JSON.stringify(before) === JSON.stringify(record)) return;
      networks.set(networkId, record);
      try {
        await memory.write({ kind: "network", id: networkId, record });
      } catch (error) {
        if (before === undefined) networks.delete(networkId);
        else networks.set(networkId, before);
        throw error;
      }
    },
    async removeNetwork(networkId) {
      if (networks.delete(networkId)) await memory.write({ kind: "network", id: networkId, record: undefined });
    },
    endpoint: (endpointId) => endpoints.get(endpointId),
    endpoints: () => endpoints,
    async putEndpoint(endpointId, record) {
      endpoints.set(endpointId, record);
      await memory.write({ kind: "endpoint", id: endpointId, record });
    },
    async removeEndpoint(endpointId) {
      if (endpoints.delete(endpointId)) await memory.write({ kind: "endpoint", id: endpointId, record: undefined });
    },
  };
}

/** The name of a host port in a book of ports, e.g. `"8080/tcp"`. */
export function portName({ protocol, hostPort }: Pick<PublishedPort, "protocol" | "hostPort">): string {
  return `${hostPort}/${protocol}`;
}
