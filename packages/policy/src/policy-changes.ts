import type { Name } from "@holdfast/core";
import type { PolicyGroup, PolicySpec } from "./world.ts";

/** Other tenants that a policy names. */
export function namedBy(spec: PolicySpec | undefined): ReadonlySet<Name> {
  const rules = spec === undefined ? [] : [...spec.ingress, ...spec.egress];
  const tenants = rules
    .flatMap(({ peers = [] }) => peers)
    .flatMap((peer) => ("tenant" in peer && peer.tenant !== undefined ? peer.tenant : []));
  return new Set(tenants.filter((tenant) => tenant !== spec?.tenant));
}

/** What decides whose programs a policy is in, and where. */
export function placeOf(spec: PolicySpec | undefined) {
  return spec && [spec.tier, spec.order, spec.subject, spec.mode, spec.replaces];
}

export function membershipOf(group: PolicyGroup | undefined) {
  return group && [group.selector, group.identities, group.networks, group.name];
}
