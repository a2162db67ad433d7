import type { Name } from "@holdfast/core";
import { type OutlineDefault, outlineOf, type ProgramOutline } from "./link.ts";
import type { Direction } from "./rule-program.ts";
import {
  comparePolicies,
  concerns,
  type Member,
  type PolicyGroup,
  type PolicyNetwork,
  type PolicySpec,
  type PolicyTenant,
  policiesIn,
  type View,
} from "./world.ts";

/** What decides about the connections of a claim. */
export interface MemberOutlines {
  readonly enforced: ProgramOutline;
  /** As {@link enforced} with the staged policies. Absent: none concerns it. */
  readonly staged?: ProgramOutline;
}

/** Policies and what they are about, as they are now. */
export interface KnownWorld {
  tenant(name: Name): PolicyTenant | undefined;
  network(tenant: Name, name: Name): PolicyNetwork | undefined;
  group(tenant: Name, name: Name): PolicyGroup | undefined;
  policy(tenant: Name, name: Name): PolicySpec | undefined;
  policies(tenant: Name): Iterable<PolicySpec>;
}

/** Which policies concern a claim, and in what order; a tenant's policies are put in order once. */
export class MemberPolicies {
  readonly #world: KnownWorld;
  readonly #ordered = new Map<string, readonly PolicySpec[]>();

  constructor(world: KnownWorld) {
    this.#world = world;
  }

  outlines(member: Member): MemberOutlines {
    const enforced = this.#outline(member, "enforced");
    const isStaged = this.#policiesOf(member.tenant, "staged").some((policy) => {
      if (policy.mode !== "staged") return false;
      const replaced = this.replacedBy(policy);
      return this.concerns(policy, member) || (replaced !== undefined && this.concerns(replaced, member));
    });
    return isStaged ? { enforced, staged: this.#outline(member, "staged") } : { enforced };
  }

  concerns(policy: PolicySpec, member: Member): boolean {
    return concerns(policy, member, (name) => this.#world.group(policy.tenant, name));
  }

  /** The policy that a staged one takes away. */
  replacedBy({ tenant, replaces }: PolicySpec): PolicySpec | undefined {
    return replaces === undefined ? undefined : this.#world.policy(tenant, replaces);
  }

  /** Policies of the tenant have come or gone, or have another place. */
  reorder(tenant: Name): void {
    this.#ordered.delete(`enforced ${tenant}`);
    this.#ordered.delete(`staged ${tenant}`);
  }

  #outline(member: Member, view: View): ProgramOutline {
    const { tenant } = member;
    const blocks = this.#policiesOf(tenant, view)
      .filter((policy) => this.concerns(policy, member))
      .map(({ name }) => `${tenant}/${name}`);
    const ingress = this.#defaultOf(member, "ingress");
    const egress = this.#defaultOf(member, "egress");
    return outlineOf({ tenant, blocks, ingress, egress });
  }

  #defaultOf({ tenant, network }: Member, direction: Direction): OutlineDefault {
    const ofNetwork = this.#world.network(tenant, network)?.policyDefaults?.[direction];
    if (ofNetwork !== undefined) return { verdict: ofNetwork, network };
    return { verdict: this.#world.tenant(tenant)?.policyDefaults?.[direction] ?? "allow" };
  }

  #policiesOf(tenant: Name, view: View): readonly PolicySpec[] {
    return this.#ordered.getOrInsertComputed(`${view} ${tenant}`, () =>
      policiesIn(view, this.#world.policies(tenant)).sort(comparePolicies),
    );
  }
}
