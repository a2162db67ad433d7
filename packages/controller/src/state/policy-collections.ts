import type { AddressSet, Group, Policy } from "@holdfast/model";
import type { Collections, Parse, TakenIn } from "./collections.ts";
import { named } from "./keys.ts";
import type { Tables } from "./tables.ts";

/** Groups, address sets and policies. */
export function ofPolicies(
  { groups, addressSets, setEntries, policies }: Tables,
  parse: Parse,
): Pick<Collections, "groups" | "address-sets" | "set-entries" | "policies"> {
  return {
    groups: {
      put: (entry) => {
        const after = parse<Group>(entry);
        return { kind: "group", before: groups.put(after), after };
      },
      delete: (key) => {
        const { tenant, name } = named.ofTenant(key);
        const before = groups.delete(tenant, name);
        return before && { kind: "group", before, after: undefined };
      },
    },
    "address-sets": {
      put: (entry) => {
        const after = parse<AddressSet>(entry);
        return { kind: "address-set", before: addressSets.put(after), after };
      },
      delete: (key) => {
        const { tenant, name } = named.ofTenant(key);
        const before = addressSets.delete(tenant, name);
        return before && { kind: "address-set", before, after: undefined };
      },
    },
    "set-entries": entriesOf(setEntries),
    policies: {
      put: (entry) => {
        const after = parse<Policy>(entry);
        return { kind: "policy", before: policies.put(after), after };
      },
      delete: (key) => {
        const { tenant, name } = named.ofTenant(key);
        const before = policies.delete(tenant, name);
        return before && { kind: "policy", before, after: undefined };
      },
    },
  };
}

function entriesOf(entries: Tables["setEntries"]): TakenIn {
  return {
    put: ({ key }) => {
      const after = named.setEntry(key);
      return entries.add(after.tenant, after.set, after.prefix)
        ? { kind: "set-entry", before: undefined, after }
        : undefined;
    },
    delete: (key) => {
      const before = named.setEntry(key);
      return entries.delete(before.tenant, before.set, before.prefix)
        ? { kind: "set-entry", before, after: undefined }
        : undefined;
    },
  };
}
