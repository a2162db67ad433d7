import type { Cidr, Name } from "@holdfast/core";
import { type Claim, labelsOfClaim, sameLabels } from "@holdfast/model";
import { type CompilerChange, type Member, PolicyCompiler } from "@holdfast/policy";
import type { StateChange } from "../state/records.ts";
import type { State } from "../state/state.ts";
import { memberOf, policyNetwork, policyTenant } from "./policy-world.ts";

/** The compiled form of all policies, as the state has them. */
export interface FollowedPolicies {
  readonly compiler: PolicyCompiler;
  load(): void;
  /** Gives what has become of it. */
  follow(changes: readonly StateChange[]): CompilerChange;
}

export function createFollowedPolicies(state: State): FollowedPolicies {
  const compiler = new PolicyCompiler({
    *members(tenant) {
      for (const { claims } of state.networks.get(tenant)?.values() ?? []) {
        for (const claim of claims.values()) yield memberOf(claim);
      }
    },
    entries: (tenant, set) => state.setEntries.values(tenant, set),
  });

  function take(change: StateChange): void {
    switch (change.kind) {
      case "tenant":
        if (change.after !== undefined) compiler.setTenant(policyTenant(change.after));
        else if (change.before !== undefined) compiler.removeTenant(change.before.name);
        return;
      case "network":
        if (change.after !== undefined) compiler.setNetwork(policyNetwork(change.after));
        else if (change.before !== undefined) compiler.removeNetwork(change.before.tenant, change.before.name);
        return;
      case "group":
        if (change.after !== undefined) compiler.setGroup(change.after);
        else if (change.before !== undefined) compiler.removeGroup(change.before.tenant, change.before.name);
        return;
      case "policy":
        if (change.after !== undefined) compiler.setPolicy(change.after);
        else if (change.before !== undefined) compiler.removePolicy(change.before.tenant, change.before.name);
        return;
      case "claim":
        if (!isSameMember(change.before, change.after)) {
          compiler.changeMember(asMember(change.before), asMember(change.after));
        }
        return;
      case "qos-profile":
      case "set-entry":
      case "address-set":
      case "endpoint":
      case "node":
      case "block":
      case "cooling":
      case "quarantine":
      case "heard":
      case "superseded":
        return;
    }
  }

  return {
    compiler,

    load() {
      for (const tenant of state.tenants.values()) compiler.setTenant(policyTenant(tenant));
      for (const ofTenant of state.networks.values()) {
        for (const { record } of ofTenant.values())
          if (record !== undefined) compiler.setNetwork(policyNetwork(record));
      }
      for (const group of state.groups.values()) compiler.setGroup(group);
      for (const policy of state.policies.values()) compiler.setPolicy(policy);
      compiler.take();
    },

    follow(changes) {
      for (const change of changes) take(change);
      for (const { tenant, set, ...edit } of editsOf(changes)) compiler.changeEntries(tenant, set, edit);
      return compiler.take();
    },
  };
}

function asMember(claim: Claim | undefined): Member | undefined {
  return claim && memberOf(claim);
}

/** Most changes of a claim are of its binding. */
function isSameMember(before: Claim | undefined, after: Claim | undefined): boolean {
  if (before === undefined || after === undefined) return before === after;
  return (
    before.group === after.group &&
    before.addresses.join() === after.addresses.join() &&
    sameLabels(labelsOfClaim(before), labelsOfClaim(after))
  );
}

/** What changed in address sets, one edit for each set. */
function editsOf(changes: readonly StateChange[]) {
  const edits = new Map<
    string,
    { readonly tenant: Name; readonly set: Name; readonly add: Cidr[]; readonly remove: Cidr[] }
  >();
  for (const change of changes) {
    if (change.kind !== "set-entry") continue;
    const entry = change.after ?? change.before;
    if (entry === undefined) continue;
    const { tenant, set, prefix } = entry;
    const edit = edits.getOrInsertComputed(`${tenant}/${set}`, () => ({ tenant, set, add: [], remove: [] }));
    (change.after === undefined ? edit.remove : edit.add).push(prefix);
  }
  return edits.values();
}
