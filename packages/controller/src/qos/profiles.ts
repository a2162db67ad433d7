import { definedFields, type Name } from "@holdfast/core";
import type { NewQosProfile, QosProfile, QosProfilePatch } from "@holdfast/model";
import { parseRate } from "@holdfast/model";
import { type Platform, timestamp } from "../platform.ts";
import { alreadyThere, expectTenant, inTurn } from "../policy/tenant-things.ts";
import { checkIfMatch, invalidField, notFound } from "../refusals.ts";
import type { Caller } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import { refuseWhenNamed } from "./naming.ts";

export interface QosProfiles {
  create(tenant: Name, body: NewQosProfile, caller: Caller): Promise<QosProfile>;
  get(tenant: Name, name: Name): QosProfile;
  update(tenant: Name, name: Name, patch: QosProfilePatch, caller: Caller): Promise<QosProfile>;
  delete(tenant: Name, name: Name, caller: Caller): Promise<void>;
}

export function createQosProfiles({ state, changer, clock }: Platform): QosProfiles {
  function get(tenant: Name, name: Name): QosProfile {
    const profile = state.qosProfiles.get(tenant, name);
    if (profile === undefined) throw notFound(`QoS profile ${name} in tenant ${tenant}`);
    return profile;
  }

  return {
    async create(tenant, body, caller) {
      checkGuarantee(body);
      const { result, revision } = await changer.change((draft) => {
        expectTenant(state, draft, tenant);
        if (state.qosProfiles.get(tenant, body.name) !== undefined) {
          throw alreadyThere(`QoS profile ${tenant}/${body.name}`);
        }
        draft.expect(keys.qosProfile(tenant, body.name), 0);
        const profile: QosProfile = { tenant, ...body, createdAt: timestamp(clock), revision: 0 };
        draft.put(keys.qosProfile(tenant, body.name), profile);
        return profile;
      }, caller);
      return { ...result, revision };
    },

    get,

    async update(tenant, name, patch, caller) {
      const { result, revision } = await changer.change((draft) => {
        const profile = get(tenant, name);
        checkIfMatch(caller, `QoS profile ${tenant}/${name}`, profile.revision);
        draft.expect(keys.qosProfile(tenant, name), profile.revision);
        const changed = patched(profile, patch);
        checkGuarantee(changed);
        draft.put(keys.qosProfile(tenant, name), changed);
        return changed;
      });
      return { ...result, revision };
    },

    async delete(tenant, name, caller) {
      await changer.change((draft) => {
        const profile = get(tenant, name);
        checkIfMatch(caller, `QoS profile ${tenant}/${name}`, profile.revision);
        refuseWhenNamed(state, tenant, name);
        inTurn(state, draft, tenant);
        draft.expect(keys.qosProfile(tenant, name), profile.revision);
        draft.delete(keys.qosProfile(tenant, name));
        return undefined;
      });
    },
  };
}

function patched(profile: QosProfile, { labels, ...terms }: QosProfilePatch): QosProfile {
  const { ingress, egress, connections, dscp, guarantee, ...rest } = profile;
  const kept = Object.fromEntries(
    Object.entries({ ingress, egress, connections, dscp, guarantee, ...definedFields(terms) }).filter(
      ([, value]) => value !== null && value !== undefined,
    ),
  );
  return { ...rest, ...kept, labels: labels ?? rest.labels };
}

/** @throws HoldfastError `invalid_argument`: nobody can be guaranteed more than it may send. */
function checkGuarantee({ guarantee, egress }: Pick<QosProfile, "guarantee" | "egress">): void {
  if (guarantee === undefined || egress?.rate === undefined) return;
  if (parseRate(guarantee) <= parseRate(egress.rate)) return;
  throw invalidField("guarantee", `${guarantee} is more than egress.rate, ${egress.rate}`);
}
