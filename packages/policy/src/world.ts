import type { Cidr, Identity, IpAddress, Name } from "@holdfast/core";
import type { Group, NetworkKind, Policy, PolicyDefaults } from "@holdfast/model";
import { type Labels, selects } from "./selector.ts";

/** A tenant as policies see it. */
export interface PolicyTenant {
  readonly name: Name;
  /** Absent: allow. */
  readonly policyDefaults?: PolicyDefaults | undefined;
  /** Tenants whose rules may name this one, and all its groups. */
  readonly sharedWith: readonly Name[];
}

/** A network as policies see it. */
export interface PolicyNetwork {
  readonly tenant: Name;
  readonly name: Name;
  readonly kind: NetworkKind;
  readonly prefixes: readonly Cidr[];
  /** Absent: the tenant's. */
  readonly policyDefaults?: PolicyDefaults | undefined;
}

/** A claim as policies see it. */
export interface Member {
  readonly tenant: Name;
  readonly network: Name;
  readonly identity: Identity;
  /** Whose ranges its addresses come from. */
  readonly group?: Name | undefined;
  readonly labels: Labels;
  readonly addresses: readonly IpAddress[];
}

export type PolicyGroup = Pick<Group, "tenant" | "name" | "selector" | "identities" | "networks" | "sharedWith">;

export type PolicySpec = Omit<Policy, "createdAt" | "revision" | "labels">;

/** As it is; or as it would be with every staged policy enforced, in the place of the one that it replaces. */
export type View = "enforced" | "staged";

/** Whether a network's addresses are in the company's address space, where other tenants could reach them. Overlays have one of their own. */
export function isOnPlatform({ kind }: Pick<PolicyNetwork, "kind">): boolean {
  return kind !== "vxlan";
}

export function isMember(group: PolicyGroup, member: Member): boolean {
  if (group.tenant !== member.tenant) return false;
  if (group.networks !== undefined && !group.networks.includes(member.network)) return false;
  return (
    member.group === group.name ||
    (group.identities?.includes(member.identity) ?? false) ||
    (group.selector !== undefined && selects(group.selector, member.labels))
  );
}

/** Whether a policy decides about the connections of a claim. */
export function concerns(
  { tenant, subject }: Pick<PolicySpec, "tenant" | "subject">,
  member: Member,
  groupOf: (name: Name) => PolicyGroup | undefined,
): boolean {
  if (tenant !== member.tenant) return false;
  if (subject.networks !== undefined && !subject.networks.includes(member.network)) return false;
  if (subject.selector !== undefined && !selects(subject.selector, member.labels)) return false;
  if (subject.groups === undefined) return true;
  return subject.groups.some((name) => {
    const group = groupOf(name);
    return group !== undefined && isMember(group, member);
  });
}

const TIER_RANK = { admin: 0, tenant: 1, default: 2 } as const;

/** The order in which policies of one tenant are asked. */
export function comparePolicies(
  a: Pick<PolicySpec, "tier" | "order" | "name">,
  b: Pick<PolicySpec, "tier" | "order" | "name">,
): number {
  return TIER_RANK[a.tier] - TIER_RANK[b.tier] || a.order - b.order || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

/** The policies that count in a view. Only an enforced one is replaced: of several staged ones all count. */
export function policiesIn<P extends Pick<PolicySpec, "name" | "mode" | "replaces">>(
  view: View,
  policies: Iterable<P>,
): P[] {
  const all = [...policies];
  if (view === "enforced") return all.filter(({ mode }) => mode === "enforced");
  const replaced = new Set(all.flatMap(({ mode, replaces }) => (mode === "staged" ? (replaces ?? []) : [])));
  return all.filter(({ name, mode }) => mode === "staged" || !replaced.has(name));
}
