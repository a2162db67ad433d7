import { alike, type Cidr, type Identity, type IpAddress, type Name } from "@holdfast/core";
import { ActiveSets, type SetContents } from "./active-sets.ts";
import { type MemberOutlines, MemberPolicies } from "./member-policies.ts";
import { type CompiledBlock, compileBlock, type PolicyBlock } from "./policy-block.ts";
import { membershipOf, namedBy, placeOf } from "./policy-changes.ts";
import type { SetEdit, SetId } from "./rule-program.ts";
import { realmSources } from "./set-source.ts";
import {
  isMember,
  type Member,
  type PolicyGroup,
  type PolicyNetwork,
  type PolicySpec,
  type PolicyTenant,
} from "./world.ts";

/** What is too much to be kept twice: claims and the entries of address sets. */
export type CompilerContents = Pick<SetContents, "members" | "entries">;

/** Whose programs may be others than before. */
export type Stale =
  | { readonly kind: "tenant"; readonly tenant: Name; concerns(member: Member): boolean }
  | { readonly kind: "network"; readonly tenant: Name; readonly network: Name }
  | { readonly kind: "member"; readonly tenant: Name; readonly network: Name; readonly identity: Identity };

/** What has changed since it was asked last. */
export interface CompilerChange {
  readonly setEdits: readonly SetEdit[];
  /** Sets that nobody followed for a moment: who has one has a former one. */
  readonly setsBegun: ReadonlySet<SetId>;
  /** Blocks that are others than before, came or went. */
  readonly blocks: ReadonlySet<PolicyBlock["id"]>;
  readonly stale: readonly Stale[];
}

interface KnownPolicy {
  readonly spec: PolicySpec;
  readonly compiled: CompiledBlock;
}

/**
 * Keeps the compiled form of all policies up to date: what a change costs depends on what it touches. Claims and entries are told by their changes, and
 * read only when a set comes into use or a group becomes another.
 */
export class PolicyCompiler {
  readonly #tenants = new Map<Name, PolicyTenant>();
  readonly #networks = new Map<Name, Map<Name, PolicyNetwork>>();
  readonly #groups = new Map<Name, Map<Name, PolicyGroup>>();
  readonly #policies = new Map<Name, Map<Name, KnownPolicy>>();
  readonly #byBlock = new Map<PolicyBlock["id"], KnownPolicy>();
  /** Policies by the other tenants that they name. */
  readonly #naming = new Map<Name, Set<PolicySpec>>();
  readonly #ofMembers: MemberPolicies;
  readonly #sets: ActiveSets;
  #blocks = new Set<PolicyBlock["id"]>();
  #stale: Stale[] = [];

  constructor(contents: CompilerContents) {
    const network = (tenant: Name, name: Name) => this.#networks.get(tenant)?.get(name);
    const group = (tenant: Name, name: Name) => this.#groups.get(tenant)?.get(name);
    this.#sets = new ActiveSets({
      members: (tenant) => contents.members(tenant),
      entries: (tenant, set) => contents.entries(tenant, set),
      networks: (tenant) => this.#networksOf(tenant),
      network,
      group,
    });
    this.#ofMembers = new MemberPolicies({
      tenant: (name) => this.#tenants.get(name),
      network,
      group,
      policy: (tenant, name) => this.#policies.get(tenant)?.get(name)?.spec,
      policies: (tenant) => this.#specsOf(tenant),
    });
  }

  setTenant(tenant: PolicyTenant): void {
    const before = this.#tenants.get(tenant.name);
    this.#tenants.set(tenant.name, tenant);
    this.#followTenant(before, tenant);
  }

  removeTenant(name: Name): void {
    const before = this.#tenants.get(name);
    this.#tenants.delete(name);
    this.#followTenant(before, undefined);
  }

  setNetwork(network: PolicyNetwork): void {
    const ofTenant = this.#networks.getOrInsertComputed(network.tenant, () => new Map<Name, PolicyNetwork>());
    const before = ofTenant.get(network.name);
    ofTenant.set(network.name, network);
    this.#sets.changeNetwork(before, network);
    if (alike(before?.policyDefaults, network.policyDefaults)) return;
    this.#stale.push({ kind: "network", tenant: network.tenant, network: network.name });
  }

  removeNetwork(tenant: Name, name: Name): void {
    const before = this.#networks.get(tenant)?.get(name);
    this.#networks.get(tenant)?.delete(name);
    this.#sets.changeNetwork(before, undefined);
  }

  setGroup(group: PolicyGroup): void {
    const ofTenant = this.#groups.getOrInsertComputed(group.tenant, () => new Map<Name, PolicyGroup>());
    const before = ofTenant.get(group.name);
    this.#replaceGroup(before, group, () => ofTenant.set(group.name, group));
  }

  removeGroup(tenant: Name, name: Name): void {
    const ofTenant = this.#groups.get(tenant);
    this.#replaceGroup(ofTenant?.get(name), undefined, () => ofTenant?.delete(name));
  }

  setPolicy(spec: PolicySpec): void {
    const before = this.#policies.get(spec.tenant)?.get(spec.name);
    this.#replacePolicy(before, { spec, compiled: this.#compile(spec, before?.compiled) });
  }

  removePolicy(tenant: Name, name: Name): void {
    this.#replacePolicy(this.#policies.get(tenant)?.get(name), undefined);
  }

  /** A claim has come, gone or changed; {@link CompilerContents.members} gives it as it is now. */
  changeMember(before: Member | undefined, after: Member | undefined): void {
    this.#sets.changeMember(before, after);
    // Who comes has no programs yet.
    if (before === undefined || after === undefined) return;
    if (before.group === after.group && alike(before.labels, after.labels)) return;
    const { tenant, network, identity } = after;
    this.#stale.push({ kind: "member", tenant, network, identity });
  }

  changeEntries(
    tenant: Name,
    set: Name,
    change: { readonly add: Iterable<Cidr>; readonly remove: Iterable<Cidr> },
  ): void {
    this.#sets.changeEntries(tenant, set, change);
  }

  take(): CompilerChange {
    const change = { ...this.#sets.take(), blocks: this.#blocks, stale: this.#stale };
    this.#blocks = new Set();
    this.#stale = [];
    return change;
  }

  /** What decides about a claim's connections. */
  outlines(member: Member): MemberOutlines {
    return this.#ofMembers.outlines(member);
  }

  block(id: PolicyBlock["id"]): PolicyBlock | undefined {
    return this.#byBlock.get(id)?.compiled.block;
  }

  /** The sets that a block's rules refer to. */
  setsOf(id: PolicyBlock["id"]): Iterable<SetId> {
    return this.#byBlock.get(id)?.compiled.sources.keys() ?? [];
  }

  /** Members of a set that rules refer to; undefined when none does. */
  members(id: SetId): Iterable<Cidr> | undefined {
    return this.#sets.members(id);
  }

  /** Whether an address is in a set that rules refer to. */
  contains(id: SetId, address: IpAddress): boolean {
    return this.#sets.has(id, address);
  }

  /** Somebody has programs of the tenant from now on: the sets that they tell remotes apart by are kept. */
  useRealms(tenant: Name): void {
    for (const source of realmSources(tenant)) this.#sets.use(source);
  }

  /** The other way. */
  dropRealms(tenant: Name): void {
    for (const source of realmSources(tenant)) this.#sets.drop(source);
  }

  #compile(spec: PolicySpec, former: CompiledBlock | undefined): CompiledBlock {
    const tenantShares = (tenant: Name, group: Name | undefined): boolean => {
      const shared = group === undefined ? undefined : this.#groups.get(tenant)?.get(group)?.sharedWith;
      return [...(this.#tenants.get(tenant)?.sharedWith ?? []), ...(shared ?? [])].includes(spec.tenant);
    };
    return compileBlock(spec, { tenantShares }, former);
  }

  #replacePolicy(before: KnownPolicy | undefined, after: KnownPolicy | undefined): void {
    const spec = after?.spec ?? before?.spec;
    if (spec === undefined) return;
    const { tenant, name } = spec;
    const ofTenant = this.#policies.getOrInsertComputed(tenant, () => new Map<Name, KnownPolicy>());
    if (after === undefined) {
      ofTenant.delete(name);
      this.#byBlock.delete(`${tenant}/${name}`);
    } else {
      ofTenant.set(name, after);
      this.#byBlock.set(after.compiled.block.id, after);
    }
    for (const source of after?.compiled.sources.values() ?? []) this.#sets.use(source);
    for (const source of before?.compiled.sources.values() ?? []) this.#sets.drop(source);
    for (const other of namedBy(before?.spec)) if (before !== undefined) this.#naming.get(other)?.delete(before.spec);
    for (const other of namedBy(after?.spec)) {
      if (after !== undefined) this.#naming.getOrInsertComputed(other, () => new Set<PolicySpec>()).add(after.spec);
    }
    if (!alike(before?.compiled.block, after?.compiled.block)) this.#blocks.add(`${tenant}/${name}`);
    if (alike(placeOf(before?.spec), placeOf(after?.spec))) return;
    this.#ofMembers.reorder(tenant);
    const concerned = [before?.spec, after?.spec].filter((one) => one !== undefined);
    const replaced = concerned.flatMap((policy) => this.#ofMembers.replacedBy(policy) ?? []);
    this.#stale.push({
      kind: "tenant",
      tenant,
      concerns: (member) => [...concerned, ...replaced].some((policy) => this.#ofMembers.concerns(policy, member)),
    });
  }

  #replaceGroup(before: PolicyGroup | undefined, after: PolicyGroup | undefined, store: () => void): void {
    const group = after ?? before;
    if (group === undefined) return;
    const { tenant, name } = group;
    if (alike(membershipOf(before), membershipOf(after))) store();
    else {
      this.#sets.changeGroup(tenant, name, store);
      const isSubject = this.#specsOf(tenant).some(({ subject }) => subject.groups?.includes(name));
      const isIn = (one: PolicyGroup | undefined, member: Member) => one !== undefined && isMember(one, member);
      if (isSubject) {
        const concerns = (member: Member) => isIn(before, member) !== isIn(after, member);
        this.#stale.push({ kind: "tenant", tenant, concerns });
      }
    }
    if (!alike(before?.sharedWith, after?.sharedWith)) this.#recompileNaming(tenant);
  }

  #followTenant(before: PolicyTenant | undefined, after: PolicyTenant | undefined): void {
    const tenant = (after ?? before)?.name;
    if (tenant === undefined) return;
    if (!alike(before?.sharedWith ?? [], after?.sharedWith ?? [])) this.#recompileNaming(tenant);
    if (alike(before?.policyDefaults, after?.policyDefaults)) return;
    this.#stale.push({ kind: "tenant", tenant, concerns: () => true });
  }

  #recompileNaming(tenant: Name): void {
    for (const spec of [...(this.#naming.get(tenant) ?? [])]) this.setPolicy(spec);
  }

  #specsOf(tenant: Name): PolicySpec[] {
    return [...(this.#policies.get(tenant)?.values() ?? [])].map(({ spec }) => spec);
  }

  #networksOf(tenant: Name | undefined): Iterable<PolicyNetwork> {
    if (tenant !== undefined) return this.#networks.get(tenant)?.values() ?? [];
    return [...this.#networks.values()].flatMap((ofTenant) => [...ofTenant.values()]);
  }
}
