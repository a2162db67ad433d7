import type { AddressSet, Claim, Group, Policy } from "@holdfast/model";
import { isMember } from "@holdfast/policy";
import type { Entry } from "@holdfast/store";
import type { Nouns } from "../nouns.ts";
import type { Platform } from "../platform.ts";
import { memberOf } from "../policy/policy-world.ts";
import { pageOfPrefix } from "../reading/lists.ts";
import { named } from "../state/keys.ts";
import type { Handlers } from "./handlers.ts";
import { kept, labelled, objectOf } from "./reading-entries.ts";

type PolicyRoute = Extract<
  keyof Handlers,
  | `${string}Group${string}`
  | `${string}AddressSet${string}`
  | `${string}Polic${string}`
  | "policyCounters"
  | "guardCounters"
>;

/** What answers about groups, address sets and policies. */
export function createPolicyHandlers(
  { store }: Platform,
  { groups, addressSets, policies, explainPolicy, policyCounts }: Nouns,
): Pick<Handlers, Exclude<PolicyRoute, "setGroupRanges" | "removeGroupRanges"> | "listSetEntries"> {
  const ofTenant = (collection: string, tenant: string | undefined) =>
    tenant === undefined ? `${collection}/` : `${collection}/${tenant}/`;
  return {
    createGroup: ({ params, body }, caller) => groups.create(params.tenant, body, caller),
    getGroup: ({ params }) => groups.get(params.tenant, params.group),
    updateGroup: ({ params, body }, caller) => groups.update(params.tenant, params.group, body, caller),
    deleteGroup: ({ params }, caller) => groups.delete(params.tenant, params.group, caller),
    listGroups: ({ query }) => {
      const read = labelled(query.selector, (entry) => objectOf<Group>(entry));
      return pageOfPrefix(store, ofTenant("groups", query.tenant), query, read);
    },
    listGroupMembers: ({ params: { tenant, group: name }, query }) => {
      const group = groups.get(tenant, name);
      const read = (entry: Entry) => {
        const claim = objectOf<Claim>(entry);
        if (!isMember(group, memberOf(claim))) return undefined;
        const { network, identity, addresses } = claim;
        return { tenant, network, identity, addresses };
      };
      return pageOfPrefix(store, `claims/${tenant}/`, query, read);
    },

    createAddressSet: ({ params, body }, caller) => addressSets.create(params.tenant, body, caller),
    getAddressSet: ({ params }) => addressSets.get(params.tenant, params.set),
    updateAddressSet: ({ params, body }, caller) => addressSets.update(params.tenant, params.set, body, caller),
    deleteAddressSet: ({ params }, caller) => addressSets.delete(params.tenant, params.set, caller),
    listAddressSets: ({ query }) => {
      const read = labelled(query.selector, (entry) => objectOf<AddressSet>(entry));
      return pageOfPrefix(store, ofTenant("address-sets", query.tenant), query, read);
    },
    listSetEntries: ({ params: { tenant, set }, query }) => {
      addressSets.get(tenant, set);
      return pageOfPrefix(store, `set-entries/${tenant}/${set}/`, query, ({ key }) => named.setEntry(key).prefix);
    },

    createPolicy: ({ params, body }, caller) => policies.create(params.tenant, body, caller),
    getPolicy: ({ params }) => policies.get(params.tenant, params.policy),
    updatePolicy: ({ params, body }, caller) => policies.update(params.tenant, params.policy, body, caller),
    setPolicyRule: ({ params, body }, caller) => policies.setRule(params, body, caller),
    deletePolicyRule: ({ params }, caller) => policies.deleteRule(params, caller),
    enforcePolicy: ({ params }, caller) => policies.enforce(params.tenant, params.policy, caller),
    deletePolicy: ({ params }, caller) => policies.delete(params.tenant, params.policy, caller),
    listPolicies: ({ query }) => {
      const read = labelled(query.selector, (entry) => objectOf<Policy>(entry));
      const wanted = (policy: Policy | undefined) => query.mode === undefined || policy?.mode === query.mode;
      return pageOfPrefix(store, ofTenant("policies", query.tenant), query, kept(read, wanted));
    },
    policyCounters: ({ params }) => policyCounts.of(params.tenant, params.policy),
    guardCounters: () => policyCounts.guards(),
    explainPolicy: ({ body }) => explainPolicy(body),
  };
}
