import { isHoldfastError } from "@holdfast/core";
import type { ReserveRequest } from "@holdfast/model";
import type { DriverContext } from "./context.ts";

/**
 * A restarted dockerd releases the address of a container that died with it, but not the endpoint: it has not loaded this driver yet. When
 * it then asks for the address again, and the namespace that the endpoint was in is no more, those are two signs that the holder is dead.
 *
 * Only while dockerd is starting: one that serves is looked at instead. And only when the namespace had been seen to exist: where dockerd's
 * mounts are out of our sight, their absence is no sign.
 *
 * Says whether the holder was given to the agent to reclaim, so that asking again makes sense.
 */
export async function reclaimDeadHolder(
  request: ReserveRequest,
  refusal: unknown,
  { workloads, records, sandboxes, engineServes, logger }: DriverContext,
  signal: AbortSignal,
): Promise<boolean> {
  const { address } = request;
  const taken = isHoldfastError(refusal) && (refusal.code === "claim_bound" || refusal.code === "address_in_use");
  if (address === undefined || !taken || engineServes()) return false;
  const holder = workloads
    .attachments("docker")
    .find(
      ({ tenant, network, addresses }) =>
        tenant === request.tenant && network === request.network && addresses.includes(address),
    );
  const record = holder?.runtimeEndpoint === undefined ? undefined : records.endpoint(holder.runtimeEndpoint);
  if (holder === undefined || record?.sandbox === undefined || record.sandboxSeen !== true) return false;
  const { sandbox } = record;
  if (await sandboxes.exists(sandbox)) return false;
  logger.info("the holder of an address is dead", { endpoint: holder.endpoint, address, sandbox });
  await workloads.reclaim([holder.endpoint], `docker asks for ${address} again, and ${sandbox} is gone`, signal);
  return true;
}
