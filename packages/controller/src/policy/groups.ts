import type { Name } from "@holdfast/core";
import type { Group, GroupPatch, NewGroup } from "@holdfast/model";
import { type Platform, timestamp } from "../platform.ts";
import { checkQos } from "../qos/naming.ts";
import { checkIfMatch, notFound } from "../refusals.ts";
import type { Caller } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import { refuseWhenNamed } from "./references.ts";
import { alreadyThere, expectTenant, inTurn } from "./tenant-things.ts";

export interface Groups {
  create(tenant: Name, body: NewGroup, caller: Caller): Promise<Group>;
  get(tenant: Name, name: Name): Group;
  update(tenant: Name, name: Name, patch: GroupPatch, caller: Caller): Promise<Group>;
  delete(tenant: Name, name: Name, caller: Caller): Promise<void>;
}

export function createGroups({ state, changer, clock }: Platform): Groups {
  function get(tenant: Name, name: Name): Group {
    const group = state.groups.get(tenant, name);
    if (group === undefined) throw notFound(`group ${name} in tenant ${tenant}`);
    return group;
  }

  return {
    async create(tenant, body, caller) {
      const { result, revision } = await changer.change((draft) => {
        expectTenant(state, draft, tenant);
        if (state.groups.get(tenant, body.name) !== undefined) throw alreadyThere(`group ${tenant}/${body.name}`);
        inTurn(state, draft, tenant);
        checkQos(state, tenant, body.qos);
        draft.expect(keys.group(tenant, body.name), 0);
        const group: Group = { tenant, ...body, createdAt: timestamp(clock), revision: 0 };
        draft.put(keys.group(tenant, body.name), group);
        return group;
      }, caller);
      return { ...result, revision };
    },

    get,

    async update(tenant, name, patch, caller) {
      const { result, revision } = await changer.change((draft) => {
        const group = get(tenant, name);
        checkIfMatch(caller, `group ${tenant}/${name}`, group.revision);
        draft.expect(keys.group(tenant, name), group.revision);
        const changed = patched(group, patch);
        if (changed.qos !== group.qos && changed.qos !== undefined) {
          inTurn(state, draft, tenant);
          checkQos(state, tenant, changed.qos);
        }
        draft.put(keys.group(tenant, name), changed);
        return changed;
      });
      return { ...result, revision };
    },

    async delete(tenant, name, caller) {
      await changer.change((draft) => {
        const group = get(tenant, name);
        checkIfMatch(caller, `group ${tenant}/${name}`, group.revision);
        refuseWhenNamed(state, tenant, "group", name);
        inTurn(state, draft, tenant);
        draft.expect(keys.group(tenant, name), group.revision);
        draft.delete(keys.group(tenant, name));
        return undefined;
      });
    },
  };
}

function patched({ selector, identities, networks, qos, ...rest }: Group, patch: GroupPatch): Group {
  const choice = {
    selector: patch.selector === undefined ? selector : (patch.selector ?? undefined),
    identities: patch.identities === undefined ? identities : (patch.identities ?? undefined),
    networks: patch.networks === undefined ? networks : (patch.networks ?? undefined),
    qos: patch.qos === undefined ? qos : (patch.qos ?? undefined),
  };
  return {
    ...rest,
    ...choice,
    sharedWith: patch.sharedWith ?? rest.sharedWith,
    labels: patch.labels ?? rest.labels,
  };
}
