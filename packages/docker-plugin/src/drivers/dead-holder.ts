import { statfs } from "node:fs/promises";
import { isHoldfastError } from "@holdfast/core";
import type { ReserveRequest } from "@holdfast/model";
import type { DriverContext } from "./context.ts";

/**
 * A restarted dockerd releases the address of a container that died with it, but not the endpoint: it has not loaded this driver yet. When
 * it then asks for the address again, and the namespace that the endpoint was in is no more, those are two signs that the holder is dead.
 * The agent, which knows the interface, has the last word.
 *
 * Says whether the holder was given to the agent to reclaim, so that asking again makes sense.
 */
export async function reclaimDeadHolder(
  request: ReserveRequest,
  refusal: unknown,
  { workloads, records, sandboxLives, logger }: DriverContext,
  signal: AbortSignal,
): Promise<boolean> {
  const { address } = request;
  const taken = isHoldfastError(refusal) && (refusal.code === "claim_bound" || refusal.code === "address_in_use");
  if (address === undefined || !taken) return false;
  const holder = workloads
    .attachments("docker")
    .find(
      ({ tenant, network, addresses }) =>
        tenant === request.tenant && network === request.network && addresses.includes(address),
    );
  const sandbox = holder?.runtimeEndpoint === undefined ? undefined : records.endpoint(holder.runtimeEndpoint)?.sandbox;
  if (holder === undefined || sandbox === undefined || (await sandboxLives(sandbox))) return false;
  logger.info("the holder of an address is dead", { endpoint: holder.endpoint, address, sandbox });
  await workloads.reclaim([holder.endpoint], `docker asks for ${address} again, and ${sandbox} is gone`, signal);
  return true;
}

/** `NSFS_MAGIC` of linux/magic.h: what a bind-mounted namespace lies on. Docker leaves the empty file for a while. */
const NSFS_MAGIC = 0x6e736673;

/** Whether a path is a namespace that exists. */
export async function isNamespace(path: string): Promise<boolean> {
  try {
    return (await statfs(path)).type === NSFS_MAGIC;
  } catch (error) {
    // Only absence is a sign; a path that cannot be looked at says nothing.
    return !(error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"));
  }
}
