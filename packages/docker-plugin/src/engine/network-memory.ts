import { Cidr, IpAddress, type Logger } from "@holdfast/core";
import { parseNetworkKey } from "../drivers/network-key.ts";
import type { Records } from "../drivers/records.ts";
import type { NetworkRecord } from "../drivers/state.ts";
import type { EngineNetwork } from "./engine.ts";
import { CONFIRM_AFTER } from "./leak-finder.ts";
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

  async function forgetMissing(listed: ReadonlySet<string>, monotonic: number): Promise<void> {
    const before = missingSince;
    missingSince = new Map();
    for (const id of [...records.networks().keys()].filter((known) => !listed.has(known))) {
      const since = before.get(id) ?? monotonic;
      if (monotonic - since < CONFIRM_AFTER) missingSince.set(id, since);
      else {
        logger.info("a docker network is gone", { networkId: id });
        await records.removeNetwork(id);
      }
    }
  }

  async function recover(network: EngineNetwork): Promise<void> {
    const record = recordOf(network);
    if (record === undefined || records.networks().has(network.id) || records.networkIdOf(record) !== undefined) return;
    logger.info("a docker network is known again", { networkId: network.id, network: observedKey(network) });
    await records.putNetwork(network.id, record);
  }

  return {
    async compare(observed, monotonic) {
      await forgetMissing(new Set(observed.map(({ id }) => id)), monotonic);
      for (const network of observed) await recover(network);
      const listed = new Set(observed.flatMap(({ endpoints }) => endpoints.map(({ id }) => id)));
      for (const id of [...records.endpoints().keys()]) {
        if (!listed.has(id) && !isAttached(id)) await records.removeEndpoint(id);
      }
      return missingSince.size > 0;
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
