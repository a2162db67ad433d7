import type { Endpoint, NodeInventory } from "@holdfast/model";

/** Every endpoint of which the node knows anything: it has it, has it on the wire, or waits for an answer or a report. */
export function idsOf({ endpoints, awaited, strays }: NodeInventory): ReadonlySet<string> {
  return new Set([...endpoints.map(({ id }) => id), ...awaited, ...strays.map(({ endpoint }) => endpoint)]);
}

/** Whether the node had been told of the endpoint as it is when it looked: what has changed since is looked at next time. */
export function endpointsMayBeJudged({ revision }: Pick<Endpoint, "revision">, inventory: NodeInventory): boolean {
  return revision <= inventory.revision;
}
