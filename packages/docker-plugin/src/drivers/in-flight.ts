import type { IpAddress, MacAddress } from "@holdfast/core";
import { formatNetworkKey, type NetworkKey } from "./network-key.ts";
import { formatPoolId, type Pool } from "./pool-id.ts";

/** An endpoint that Docker is about to make: it has asked for its IPv4 address. */
export interface EndpointToCome {
  readonly addresses: readonly IpAddress[];
  readonly mac: MacAddress;
}

/**
 * What Docker has begun and not finished. Docker makes one endpoint of a docker network at a time (libnetwork's `networkLocker`), and there
 * is one docker network for a Holdfast network, so the last one is the one. Lost with the process: nothing depends on it for good.
 */
export interface InFlight {
  endpoint(key: NetworkKey): EndpointToCome | undefined;
  setEndpoint(key: NetworkKey, endpoint: EndpointToCome): void;
  /** Forgets the endpoint to come when it has this address. */
  endEndpoint(key: NetworkKey, address: IpAddress): void;
  addPool(pool: Pool): void;
  /** Whether the pool was there. */
  endPool(pool: Pool): boolean;
  hasPool(pool: Pool): boolean;
  /** Requested and neither released nor used by a docker network. */
  pools(): readonly Pool[];
}

export function createInFlight(): InFlight {
  const endpoints = new Map<string, EndpointToCome>();
  const pools = new Map<string, Pool>();
  return {
    endpoint: (key) => endpoints.get(formatNetworkKey(key)),
    setEndpoint(key, endpoint) {
      endpoints.set(formatNetworkKey(key), endpoint);
    },
    endEndpoint(key, address) {
      const text = formatNetworkKey(key);
      if (endpoints.get(text)?.addresses.includes(address) === true) endpoints.delete(text);
    },
    addPool(pool) {
      pools.set(formatPoolId(pool), pool);
    },
    endPool: (pool) => pools.delete(formatPoolId(pool)),
    hasPool: (pool) => pools.has(formatPoolId(pool)),
    pools: () => [...pools.values()],
  };
}
