import { HoldfastError } from "@holdfast/core";
import type { PublishedPort } from "@holdfast/model";
import { formatNetworkKey, type NetworkKey } from "./network-key.ts";
import type { EndpointRecord, NetworkRecord, PluginState, StateStore } from "./state.ts";

/** The plugin's memory: docker networks and endpoints by Docker's ids, written through to a {@link StateStore}. */
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

export async function openRecords(store: StateStore): Promise<Records> {
  const loaded = await store.load();
  const networks = new Map(Object.entries(loaded?.networks ?? {}));
  const endpoints = new Map(Object.entries(loaded?.endpoints ?? {}));
  let unsaved: { durable: boolean; done: Promise<void> } | undefined;
  let saving: Promise<void> = Promise.resolve();

  /** Changes that come while a save runs share the next one. */
  function save(durable: boolean): Promise<void> {
    if (unsaved !== undefined) {
      unsaved.durable ||= durable;
      return unsaved.done;
    }
    const next = { durable, done: Promise.resolve() };
    next.done = saving.then(() => {
      unsaved = undefined;
      return store.save(snapshot(), { durable: next.durable });
    });
    unsaved = next;
    saving = next.done.catch(() => {});
    return next.done;
  }

  function snapshot(): PluginState {
    return { version: 1, networks: Object.fromEntries(networks), endpoints: Object.fromEntries(endpoints) };
  }

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
      if (JSON.stringify(networks.get(networkId)) === JSON.stringify(record)) return await saving;
      const before = networks.get(networkId);
      networks.set(networkId, record);
      try {
        await save(true);
      } catch (error) {
        if (before === undefined) networks.delete(networkId);
        else networks.set(networkId, before);
        throw error;
      }
    },
    async removeNetwork(networkId) {
      if (networks.delete(networkId)) await save(true);
    },
    endpoint: (endpointId) => endpoints.get(endpointId),
    endpoints: () => endpoints,
    async putEndpoint(endpointId, record) {
      endpoints.set(endpointId, record);
      await save(false);
    },
    async removeEndpoint(endpointId) {
      if (endpoints.delete(endpointId)) await save(false);
    },
  };
}

/** The name of a host port in a book of ports, e.g. `"8080/tcp"`. */
export function portName({ protocol, hostPort }: Pick<PublishedPort, "protocol" | "hostPort">): string {
  return `${hostPort}/${protocol}`;
}
