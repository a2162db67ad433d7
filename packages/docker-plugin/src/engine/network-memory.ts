import { Cidr, IpAddress, type Logger } from "@holdfast/core";
import { parseNetworkKey } from "../drivers/network-key.ts";
import type { Records } from "../drivers/records.ts";
import type { NetworkRecord } from "../drivers/state.ts";
import type { EngineNetwork } from "./engine.ts";
import { CONFIRM_AFTER, RESERVATION_GRACE } from "./leak-finder.ts";
import { observedKey } from "./network-plan.ts";

/** Keeps the plugin's memory in line with what dockerd has. */
export interface NetworkMemory {
  /** Says whether a docker network is missing that a second look must confirm. */
  compare(observed: readonly EngineNetwork[], monotonic: number): Promise<boolean>;
}

/**
 * Docker never repeats CreateNetwork, and forgets a network although DeleteNetwork did not reach us: networks that only dockerd knows are
 * taken over, those that dockerd has not had for {@link CONFIRM_AFTER} are forgotten, with the endpoints that nobody has any more.
 */
export function createNetworkMemory({
  records,
  isAttached,
  logger,
}: {
  readonly records: Records;
  readonly isAttached: (endpointId: string) => boolean;
  readonly logger: Logger;
}): NetworkMemory {
  let missingSince = new Map<string, number>();

  /** Which of these ids have been missing for that long; must be told all that are missing each time. */
  function missingFor(ids: readonly string[], milliseconds: number, monotonic: number): readonly string[] {
    return ids.filter((id) => {
      const since = missingSince.get(id) ?? monotonic;
      missingSince.set(id, since);
      return monotonic - since >= milliseconds;
    });
  }

  async function forgetMissing(observed: readonly EngineNetwork[], monotonic: number): Promise<void> {
    const listed = new Set(observed.flatMap(({ id, endpoints }) => [id, ...endpoints.map((endpoint) => endpoint.id)]));
    const networks = [...records.networks().keys()].filter((id) => !listed.has(id));
    const endpoints = [...records.endpoints().keys()].filter((id) => !listed.has(id) && !isAttached(id));
    const missing = new Set([...networks, ...endpoints]);
    missingSince = new Map([...missingSince].filter(([id]) => missing.has(id)));
    for (const id of missingFor(networks, CONFIRM_AFTER, monotonic)) {
      logger.info("a docker network is gone", { networkId: id });
      await records.removeNetwork(id);
    }
    // Ports are chosen before the endpoint is attached, and attaching may take as long as a call may.
    for (const id of missingFor(endpoints, RESERVATION_GRACE, monotonic)) await records.removeEndpoint(id);
  }

  async function recover(network: EngineNetwork): Promise<void> {
    const record = recordOf(network);
    if (record === undefined || records.networks().has(network.id) || records.networkIdOf(record) !== undefined) return;
    logger.info("a docker network is known again", { networkId: network.id, network: observedKey(network) });
    await records.putNetwork(network.id, record);
  }

  return {
    async compare(observed, monotonic) {
      await forgetMissing(observed, monotonic);
      for (const network of observed) await recover(network);
      return [...records.networks().keys()].some((id) => missingSince.has(id));
    },
  };
}

/** Undefined when the network says nothing that we can use. */
function recordOf(network: EngineNetwork): NetworkRecord | undefined {
  const key = observedKey(network);
  if (key === undefined) return undefined;
  try {
    return {
      ...parseNetworkKey(key),
      pools: network.subnets.map(Cidr.parse),
      auxiliary: network.auxiliary.map((text) => IpAddress.parse(text.split("/")[0] ?? "")),
    };
  } catch {
    return undefined;
  }
}
