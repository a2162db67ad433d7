import type { AddressSet, Group, Policy } from "@holdfast/model";
import type { Entry } from "@holdfast/store";
import type { Collections, Parse, TakenIn } from "./collections.ts";
import { named } from "./keys.ts";
import type { Named, NamedTable } from "./named-table.ts";
import type { StateChange } from "./records.ts";
import type { Tables, Versioned } from "./tables.ts";

/** Groups, address sets and policies. */
export function ofPolicies(
  { groups, addressSets, setEntries, policies }: Tables,
  parse: Parse,
): Pick<Collections, "groups" | "address-sets" | "set-entries" | "policies"> {
  return {
    groups: namedIn(groups, parse<Group>, (before, after) => ({ kind: "group", before, after })),
    "address-sets": namedIn(addressSets, parse<AddressSet>, (before, after) => ({
      kind: "address-set",
      before,
      after,
    })),
    "set-entries": entriesOf(setEntries),
    policies: namedIn(policies, parse<Policy>, (before, after) => ({ kind: "policy", before, after })),
  };
}

/** Of what tenants have by name. */
export function namedIn<T extends Named>(
  table: NamedTable<T>,
  parse: (entry: Entry) => Versioned<T>,
  changed: (before: T | undefined, after: T | undefined) => StateChange,
): TakenIn {
  return {
    put: (entry) => {
      const after = parse(entry);
      return changed(table.put(after), after);
    },
    delete: (key) => {
      const { tenant, name } = named.ofTenant(key);
      const before = table.delete(tenant, name);
      return before && changed(before, undefined);
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
