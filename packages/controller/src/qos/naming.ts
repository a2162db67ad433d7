import { HoldfastError, type Name } from "@holdfast/core";
import { inTurn } from "../policy/tenant-things.ts";
import { invalidField } from "../refusals.ts";
import type { Draft } from "../state/change.ts";
import type { State } from "../state/state.ts";

/** The profile must be there, and stays: profiles are deleted, and named, one after the other. @throws HoldfastError `invalid_argument`. */
export function nameQos(state: State, draft: Draft, tenant: Name, profile: Name | undefined): void {
  if (profile === undefined) return;
  checkQos(state, tenant, profile);
  inTurn(state, draft, tenant);
}

/** For a draft that has its turn already. @throws HoldfastError `invalid_argument`. */
export function checkQos(state: State, tenant: Name, profile: Name | undefined): void {
  if (profile === undefined || state.qosProfiles.get(tenant, profile) !== undefined) return;
  throw invalidField(
    "qos",
    `there is no QoS profile ${profile} in tenant ${tenant}; create it first: holdfast qos create ${profile}`,
  );
}

/** @throws HoldfastError `in_use` when a group or claim of the tenant names it. */
export function refuseWhenNamed(state: State, tenant: Name, profile: Name): void {
  const groups = [...state.groups.values(tenant)].filter(({ qos }) => qos === profile).map(({ name }) => name);
  const claims = state.qosClaims.get(`${tenant}/${profile}`) ?? 0;
  if (groups.length + claims === 0) return;
  const users = [
    ...(groups.length === 0 ? [] : [`${counted(groups.length, "group")}, e.g. ${groups.sort()[0]}`]),
    ...(claims === 0 ? [] : [counted(claims, "claim")]),
  ];
  const text = `QoS profile ${tenant}/${profile} is named by ${users.join(", and by ")}; change these first`;
  throw new HoldfastError("in_use", text, { details: { groups: groups.length, claims } });
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
