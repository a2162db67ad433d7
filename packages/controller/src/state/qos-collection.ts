import type { Claim, QosProfile } from "@holdfast/model";
import type { Collections, Parse } from "./collections.ts";
import { namedIn } from "./policy-collections.ts";
import type { Tables } from "./tables.ts";

/** QoS profiles. */
export function ofQos({ qosProfiles }: Tables, parse: Parse): Pick<Collections, "qos-profiles"> {
  return {
    "qos-profiles": namedIn(qosProfiles, parse<QosProfile>, (before, after) => ({
      kind: "qos-profile",
      before,
      after,
    })),
  };
}

/** Keeps how many claims name each profile: whoever deletes one must not look at all of them. */
export function countQosClaims({ qosClaims }: Tables, before: Claim | undefined, after: Claim | undefined): void {
  if (before?.qos === after?.qos) return;
  for (const [claim, step] of [
    [before, -1],
    [after, 1],
  ] as const) {
    if (claim?.qos === undefined) continue;
    const key = `${claim.tenant}/${claim.qos}`;
    const count = (qosClaims.get(key) ?? 0) + step;
    if (count === 0) qosClaims.delete(key);
    else qosClaims.set(key, count);
  }
}
