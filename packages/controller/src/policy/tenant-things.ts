import { HoldfastError, type Name } from "@holdfast/core";
import type { PolicyDefaults } from "@holdfast/model";
import type { Rules } from "../platform.ts";
import { invalidField, notFound } from "../refusals.ts";
import type { Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { State } from "../state/state.ts";

/** Makes a draft that creates something of a tenant fail when the tenant goes meanwhile. @throws HoldfastError `not_found`. */
export function expectTenant(state: State, draft: Draft, name: Name): void {
  const tenant = state.tenants.get(name);
  if (tenant === undefined) throw notFound(`tenant ${name}`);
  draft.expect(keys.tenant(name), tenant.revision);
}

/** Whoever deletes what others may name, or makes something that names others, does so one after the other. */
export function inTurn(state: State, draft: Draft, tenant: Name): void {
  draft.expect(keys.space(tenant), state.spaces.get(tenant) ?? 0);
  draft.put(keys.space(tenant), {});
}

export function alreadyThere(what: string): HoldfastError {
  return new HoldfastError("already_exists", `${what} exists already`);
}

/** @throws HoldfastError `in_use` while a tenant has groups, address sets, policies or QoS profiles. */
export function refuseWithPolicies(state: State, tenant: Name): void {
  const things = [
    ...[...state.policies.values(tenant)].map(({ name }) => `policy ${name}`),
    ...[...state.groups.values(tenant)].map(({ name }) => `group ${name}`),
    ...[...state.addressSets.values(tenant)].map(({ name }) => `address set ${name}`),
    ...[...state.qosProfiles.values(tenant)].map(({ name }) => `QoS profile ${name}`),
  ];
  if (things.length === 0) return;
  const examples = things.slice(0, 3).join(", ");
  throw new HoldfastError(
    "in_use",
    `tenant ${tenant} has ${examples}${things.length > 3 ? " and more" : ""}; delete them first`,
  );
}

/** A default that denies is enforced like a policy. @throws HoldfastError `invalid_argument` with the field. */
export function checkDefaults(rules: Rules, defaults: PolicyDefaults | null | undefined): void {
  if (rules.enforcePolicies === true || defaults == null) return;
  const denied = (["ingress", "egress"] as const).find((direction) => defaults[direction] === "deny");
  if (denied !== undefined)
    throw invalidField(
      `policyDefaults.${denied}`,
      "this controller enforces no policies; start controllers without enforcePolicies: false",
    );
}
