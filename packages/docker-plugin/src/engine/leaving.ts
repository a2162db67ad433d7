import type { Logger } from "@holdfast/core";
import type { Engine } from "./engine.ts";
import { MANAGED_LABEL } from "./network-plan.ts";

/**
 * Takes Holdfast off a Docker engine for good: containers are disconnected from the docker networks that we made, and these are removed.
 * Containers go on without that network. Gives the networks' names. Networks that people made by hand stay.
 */
export async function leaveEngine(engine: Engine, logger: Logger, signal: AbortSignal): Promise<readonly string[]> {
  const ours = (await engine.networks(signal)).filter(({ labels }) => labels[MANAGED_LABEL] === "true");
  for (const { id, name, endpoints } of ours) {
    for (const { container } of endpoints) {
      logger.warn("container loses its network", { container, network: name });
      await engine.disconnect(id, container, signal);
    }
    await engine.removeNetwork(id, signal);
  }
  return ours.map(({ name }) => name);
}
