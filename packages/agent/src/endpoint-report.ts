import type { Name } from "@holdfast/core";
import { type EndpointReport, isOnWire } from "@holdfast/model";
import type { LocalEndpoint } from "./local-endpoint.ts";

/** Whether what is not reported of it yet takes it off the wire. */
export function tellsEnd({ unreported }: LocalEndpoint): boolean {
  return unreported.some(({ phase }) => phase === "detached" || phase === "released");
}

/** All that is not reported of it yet, with what it is. */
export function reportOf(endpoint: LocalEndpoint): EndpointReport {
  const {
    id,
    epoch,
    unreported,
    workload,
    replaces,
    replacesAlso = [],
    tenant,
    network,
    identity,
    addresses,
    reservedAt,
    made,
    phase,
    conflicts,
    ifIndex,
  } = endpoint;
  return {
    endpoint: id,
    epoch,
    transitions: unreported,
    workload,
    claim: { tenant, network, identity },
    addresses,
    ...(ifIndex === undefined || !isOnWire(phase) ? {} : { ifIndex }),
    ...(reservedAt === undefined ? {} : { reservedAt }),
    ...(made === undefined ? {} : { made: { at: made, phase } }),
    ...(conflicts === undefined ? {} : { conflicts }),
    ...(replaces === undefined ? {} : { replaces }),
    ...(replaces === undefined || replacesAlso.length === 0 ? {} : { replacesAlso }),
  };
}

/** The last word on one that was lost to another node. */
export function farewellOf(
  { id, epoch }: LocalEndpoint,
  { at, node }: { readonly at: Date; readonly node: Name },
): EndpointReport {
  const down = {
    phase: "released",
    at: at.toISOString(),
    actor: `node/${node}`,
    reason: "taken off the wire",
  } as const;
  return { endpoint: id, epoch, transitions: [down] };
}
