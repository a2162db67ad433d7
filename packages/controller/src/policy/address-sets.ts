import type { Cidr, Name } from "@holdfast/core";
import { type AddressSet, type AddressSetPatch, MOST_SET_ENTRIES, type NewAddressSet } from "@holdfast/model";
import { type Platform, timestamp } from "../platform.ts";
import { checkIfMatch, invalidField, notFound } from "../refusals.ts";
import type { Caller, Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import { refuseWhenNamed } from "./references.ts";
import { alreadyThere, expectTenant, inTurn } from "./tenant-things.ts";

export interface AddressSets {
  create(tenant: Name, body: NewAddressSet, caller: Caller): Promise<AddressSet>;
  get(tenant: Name, name: Name): AddressSet;
  update(tenant: Name, name: Name, patch: AddressSetPatch, caller: Caller): Promise<AddressSet>;
  delete(tenant: Name, name: Name, caller: Caller): Promise<void>;
}

export function createAddressSets({ state, changer, clock }: Platform): AddressSets {
  function get(tenant: Name, name: Name): AddressSet {
    const set = state.addressSets.get(tenant, name);
    if (set === undefined) throw notFound(`address set ${name} in tenant ${tenant}`);
    return set;
  }

  /** Entries change one change after the other, by the set's revision, so that its size stays right. */
  function put(draft: Draft, set: AddressSet, add: ReadonlySet<Cidr>, remove: Iterable<Cidr> = []): AddressSet {
    const { tenant, name } = set;
    let { size } = set;
    for (const prefix of new Set(remove)) {
      if (add.has(prefix) || !state.setEntries.includes(tenant, name, prefix)) continue;
      draft.delete(keys.setEntry(tenant, name, prefix));
      size--;
    }
    for (const prefix of add) {
      if (state.setEntries.includes(tenant, name, prefix)) continue;
      draft.put(keys.setEntry(tenant, name, prefix), {});
      size++;
    }
    if (size > MOST_SET_ENTRIES) {
      throw invalidField(
        "add",
        `address set ${tenant}/${name} would have ${size} entries; at most ${MOST_SET_ENTRIES}`,
      );
    }
    const changed = { ...set, size };
    draft.put(keys.addressSet(tenant, name), changed);
    return changed;
  }

  return {
    async create(tenant, { name, entries, labels }, caller) {
      const { result, revision } = await changer.change((draft) => {
        expectTenant(state, draft, tenant);
        if (state.addressSets.get(tenant, name) !== undefined) throw alreadyThere(`address set ${tenant}/${name}`);
        inTurn(state, draft, tenant);
        draft.expect(keys.addressSet(tenant, name), 0);
        const empty: AddressSet = { tenant, name, size: 0, labels, createdAt: timestamp(clock), revision: 0 };
        return put(draft, empty, new Set(entries));
      }, caller);
      return { ...result, revision };
    },

    get,

    async update(tenant, name, patch, caller) {
      const { result, revision } = await changer.change((draft) => {
        const set = get(tenant, name);
        checkIfMatch(caller, `address set ${tenant}/${name}`, set.revision);
        draft.expect(keys.addressSet(tenant, name), set.revision);
        return put(draft, { ...set, labels: patch.labels ?? set.labels }, new Set(patch.add), patch.remove);
      });
      return { ...result, revision };
    },

    async delete(tenant, name, caller) {
      await changer.change((draft) => {
        const set = get(tenant, name);
        checkIfMatch(caller, `address set ${tenant}/${name}`, set.revision);
        refuseWhenNamed(state, tenant, "address set", name);
        inTurn(state, draft, tenant);
        draft.expect(keys.addressSet(tenant, name), set.revision);
        for (const prefix of state.setEntries.values(tenant, name)) draft.delete(keys.setEntry(tenant, name, prefix));
        draft.delete(keys.addressSet(tenant, name));
        return undefined;
      });
    },
  };
}
