import type { ReservedAddresses, ReserveRequest, WorkloadApi } from "@holdfast/model";
import { attachmentKey } from "../attachment-key.ts";
import { CniError, CniErrorCode } from "../protocol/cni-error.ts";
import type { SandboxCall } from "../protocol/invocation.ts";
import type { Wishes } from "./wishes.ts";

/**
 * Sets aside what is wished for, all of it or nothing.
 *
 * @throws CniError for addresses of different claims, and for a MAC that is not the claim's; what the agent throws.
 */
export async function reserveWished(
  workloads: WorkloadApi,
  call: SandboxCall,
  wishes: Wishes,
  signal: AbortSignal,
): Promise<ReservedAddresses> {
  const { tenant, network, container } = wishes;
  const [address, ...also] = wishes.addresses;
  const reserved = await workloads.reserve(
    {
      ...{ tenant, network, container, runtime: "cni", requester: attachmentKey(call), attachFollows: true },
      ...(address === undefined ? {} : { address, also }),
      ...(wishes.range === undefined ? {} : { range: wishes.range }),
      ...(wishes.labels === undefined ? {} : { labels: wishes.labels }),
      ...(wishes.profile === undefined ? {} : { qos: wishes.profile }),
      ...(await ownerOf(workloads, wishes)),
    },
    signal,
  );
  const unmet = unmetOf(wishes, reserved);
  if (unmet === undefined) return reserved;
  const [first] = reserved.addresses;
  if (first !== undefined) await workloads.unreserve({ tenant, network, address: first }, signal);
  throw new CniError(CniErrorCode.invalidConfig, unmet);
}

/** For whom: just this identity, or whatever its runtime calls it, when there is a claim for that or the network keeps addresses. */
async function ownerOf(
  workloads: WorkloadApi,
  { tenant, network, identity, name, retention }: Wishes,
): Promise<Pick<ReserveRequest, "identity" | "identityIsHint" | "retention">> {
  const who = identity ?? name?.identity;
  if (who === undefined) return {};
  const wanted = retention ?? (await workloads.network(tenant, network)).retention;
  const given = wanted === undefined ? {} : { retention: wanted };
  if (identity !== undefined) return { identity, ...given };
  // A name that several have at once would be refused to all but one of them.
  const isKept = name?.isOne === true && wanted !== undefined && wanted.kind !== "ephemeral";
  return { identity: who, identityIsHint: true, ...(isKept ? given : {}) };
}

function unmetOf({ addresses: wanted, mac }: Wishes, { addresses, mac: own }: ReservedAddresses): string | undefined {
  const missing = wanted.find((each) => !addresses.includes(each));
  if (missing !== undefined) {
    return `${wanted[0]} and ${missing} are asked for, and ${wanted[0]} is of a claim that has not the other; ask for addresses of one claim, or for free ones`;
  }
  if (mac === undefined || mac === own) return undefined;
  return `MAC ${mac} is asked for, and ${addresses[0]} has ${own}: it follows from the address, so that neighbours find it wherever it is; ask for that one, or for none`;
}
