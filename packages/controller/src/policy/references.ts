import { HoldfastError, type Name } from "@holdfast/core";
import type { Peer, Policy } from "@holdfast/model";
import { invalidField } from "../refusals.ts";
import type { Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { State } from "../state/state.ts";

/** What a policy names of its own tenant, and with which field. */
interface Reference {
  readonly kind: "group" | "address set" | "network";
  readonly name: Name;
  readonly field: string;
}

/**
 * Everything of its own tenant that a policy names must be there, and stays: the draft rests on it. What it names of other tenants may come later:
 * they need not say what they have.
 *
 * @throws HoldfastError `invalid_argument` with the field.
 */
export function checkReferences(
  state: State,
  draft: Draft,
  policy: Pick<Policy, "tenant" | "subject" | "ingress" | "egress">,
): void {
  const { tenant } = policy;
  for (const { kind, name, field } of referencesOf(policy)) {
    const record = recordOf(state, tenant, kind, name);
    if (record === undefined) throw invalidField(field, `there is no ${kind} ${name} in tenant ${tenant}`);
    if (kind === "group") draft.expect(keys.group(tenant, name), record.revision);
    if (kind === "address set") draft.expect(keys.addressSet(tenant, name), record.revision);
  }
}

/** @throws HoldfastError `in_use` when a policy of the tenant names it. */
export function refuseWhenNamed(state: State, tenant: Name, kind: "group" | "address set", name: Name): void {
  const users = [...state.policies.values(tenant)].filter((policy) =>
    referencesOf(policy).some((reference) => reference.kind === kind && reference.name === name),
  );
  const [first] = users;
  if (first === undefined) return;
  const text = `${kind} ${tenant}/${name} is named by ${users.length} ${users.length === 1 ? "policy" : "policies"}, e.g. ${first.name}; change these first`;
  throw new HoldfastError("in_use", text, { details: { policies: users.length, policy: first.name } });
}

function recordOf(state: State, tenant: Name, kind: Reference["kind"], name: Name) {
  switch (kind) {
    case "group":
      return state.groups.get(tenant, name);
    case "address set":
      return state.addressSets.get(tenant, name);
    case "network":
      return state.network(tenant, name)?.record;
  }
}

function referencesOf(policy: Pick<Policy, "tenant" | "subject" | "ingress" | "egress">): Reference[] {
  const { tenant, subject } = policy;
  const list = (kind: Reference["kind"], names: readonly Name[] | undefined, field: string): Reference[] =>
    (names ?? []).map((name, index) => ({ kind, name, field: `${field}.${index}` }));
  const rules = (["ingress", "egress"] as const).flatMap((direction) =>
    policy[direction].flatMap(({ peers = [] }, rule) =>
      peers.flatMap((peer, index) => ofPeer(tenant, peer, `${direction}.${rule}.peers.${index}`)),
    ),
  );
  return [
    ...list("group", subject.groups, "subject.groups"),
    ...list("network", subject.networks, "subject.networks"),
    ...rules,
  ];
}

function ofPeer(own: Name, peer: Peer, field: string): Reference[] {
  switch (peer.kind) {
    case "group":
      return (peer.tenant ?? own) === own ? [{ kind: "group", name: peer.group, field: `${field}.group` }] : [];
    case "network":
      return [{ kind: "network", name: peer.network, field: `${field}.network` }];
    case "addresses":
      return [{ kind: "address set", name: peer.set, field: `${field}.set` }];
    case "selector":
      return (peer.networks ?? []).map((name, index) => ({
        kind: "network",
        name,
        field: `${field}.networks.${index}`,
      }));
    case "tenant":
    case "cidr":
      return [];
  }
}
