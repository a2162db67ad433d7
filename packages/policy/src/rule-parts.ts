import { alike, Cidr, type Family, type Name } from "@holdfast/core";
import type { Peer, PolicyRule } from "@holdfast/model";
import { outermost, without } from "./prefixes.ts";
import { formatRuleId } from "./rule-id.ts";
import type { Direction, ProgramRule, Remote, SetId } from "./rule-program.ts";
import { compileServices } from "./rule-services.ts";
import { type SetSource, setIdOf } from "./set-source.ts";
import type { PolicySpec } from "./world.ts";

/** What other tenants let a tenant name. */
export interface Consents {
  tenantShares(tenant: Name, group: Name | undefined): boolean;
}

/** Which remotes a list of rules is about. */
export type Realm = "main" | "foreign";

/** What a rule of a policy is in each list of rules of its direction. Absent: nothing, it matches nothing there. */
export interface RuleParts extends Readonly<Record<Family, Readonly<Partial<Record<Realm, ProgramRule>>>>> {
  readonly rule: PolicyRule;
  /** The sets that it refers to. */
  readonly sources: ReadonlyMap<SetId, SetSource>;
}

/** Shared: most rules refer to no set, and say something about one family alone. */
const [NO_SOURCES, NOTHING] = [new Map<SetId, SetSource>(), {}];

/** Where the rule stands. */
export interface RulePlace {
  readonly policy: PolicySpec;
  readonly direction: Direction;
  readonly consents: Consents;
}

/** One list of rules of a block. */
interface List extends RulePlace {
  readonly family: Family;
  readonly realm: Realm;
}

/** Whether what a rule was compiled to is what this version of it would be. What other tenants let it name, they may have changed. */
export function staysAsItIs({ rule: before }: RuleParts, rule: PolicyRule, own: Name): boolean {
  if (!alike(before, rule)) return false;
  return (rule.peers ?? []).every((peer) => !("tenant" in peer) || peer.tenant === undefined || peer.tenant === own);
}

export function compileRule(rule: PolicyRule, place: RulePlace): RuleParts {
  const sources = new Map<SetId, SetSource>();
  const ofFamily = (family: Family) => {
    const services = rule.services === undefined ? "any" : compileServices(rule.services, family);
    const [first, ...others] = services === "any" ? [] : services;
    if (services !== "any" && first === undefined) return NOTHING;
    const part = (realm: Realm): ProgramRule | undefined => {
      const remote = compileRemote(rule, { ...place, family, realm }, sources);
      return remote && { ...headOf(rule, place), remote, services: first === undefined ? "any" : [first, ...others] };
    };
    const [main, foreign] = [part("main"), part("foreign")];
    if (main === undefined && foreign === undefined) return NOTHING;
    return { ...(main && { main }), ...(foreign && { foreign }) };
  };
  const [v4, v6] = [ofFamily("v4"), ofFamily("v6")];
  return { rule, v4, v6, sources: sources.size === 0 ? NO_SOURCES : sources };
}

function headOf({ id, action, log = false }: PolicyRule, { policy: { tenant, name }, direction }: RulePlace) {
  const ruleId = formatRuleId({ kind: "rule", tenant, policy: name, direction, rule: id });
  return { id: ruleId, verdict: action, log };
}

/** Undefined: nobody. */
function compileRemote(
  rule: PolicyRule,
  place: List,
  sources: Map<SetId, SetSource>,
): ProgramRule["remote"] | undefined {
  const reachesForeign = rule.action !== "allow";
  if (rule.peers === undefined) return place.realm === "main" || reachesForeign ? "any" : undefined;
  const sets = new Set<SetId>();
  const prefixes: Cidr[] = [];
  for (const peer of rule.peers) {
    const outside = peer.kind === "cidr" || peer.kind === "addresses";
    if (place.realm === "foreign" && outside && !reachesForeign) continue;
    if (peer.kind === "cidr") {
      if (Cidr.family(peer.cidr) === place.family) prefixes.push(...without(peer.cidr, peer.except ?? []));
      continue;
    }
    const source = sourceOf(peer, place);
    if (source === undefined) continue;
    const id = setIdOf(source, place.family);
    sources.set(id, source);
    sets.add(id);
  }
  return remoteOf(sets, prefixes);
}

function remoteOf(sets: ReadonlySet<SetId>, prefixes: readonly Cidr[]): "any" | Remote | undefined {
  const kept = outermost(prefixes);
  if (kept.some((prefix) => Cidr.length(prefix) === 0)) return "any";
  return sets.size + kept.length === 0 ? undefined : { sets: [...sets].sort(), prefixes: kept };
}

/** Undefined: a remote of this realm is never it. */
function sourceOf(peer: Exclude<Peer, { kind: "cidr" }>, { policy, realm, consents }: List): SetSource | undefined {
  const own = policy.tenant;
  switch (peer.kind) {
    case "group": {
      const { tenant = own, group } = peer;
      if (tenant === own) return realm === "main" ? { kind: "group", tenant, group, foreign: false } : undefined;
      const consented = realm === "foreign" && consents.tenantShares(tenant, group);
      return consented ? { kind: "group", tenant, group, foreign: true } : undefined;
    }
    case "tenant": {
      const { tenant = own } = peer;
      if (tenant === own) return realm === "main" ? { kind: "tenant", tenant, foreign: false } : undefined;
      const consented = realm === "foreign" && consents.tenantShares(tenant, undefined);
      return consented ? { kind: "tenant", tenant, foreign: true } : undefined;
    }
    case "selector": {
      const { selector, networks } = peer;
      return realm === "main" ? { kind: "selector", tenant: own, selector, networks } : undefined;
    }
    case "network":
      return realm === "main" ? { kind: "network", tenant: own, network: peer.network } : undefined;
    case "addresses":
      return { kind: "addresses", tenant: own, set: peer.set };
  }
}
