import { HoldfastError } from "@holdfast/core";
import type { EndpointWiring } from "../driver.ts";
import type { Table } from "../reconcile/table.ts";
import type { QosRow } from "./qos-row.ts";

/**
 * Desires what the endpoint's wiring says for its link. Gives what waits for it to be in force.
 *
 * @throws HoldfastError `unavailable` when it has QoS and there is no table: a limit that nobody keeps would be a promise.
 */
export function setEndpointQos(
  table: Table<QosRow> | undefined,
  { id, qos }: EndpointWiring,
  link: string,
): (signal: AbortSignal) => Promise<void> {
  if (table === undefined) {
    if (qos === undefined) return async () => undefined;
    const text = `endpoint ${id} has QoS profile ${qos.profile ?? "of its runtime"}, and this data path has no QoS`;
    throw new HoldfastError("unavailable", text);
  }
  if (qos !== undefined) table.set({ link, endpoint: id, qos });
  else if (table.has(link)) table.delete(link);
  else return async () => undefined;
  return (signal) => table.settled([link], signal);
}
