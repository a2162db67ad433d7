import { Cidr, type Family, type Name } from "@holdfast/core";
import type { Peer, PolicyRule, Tier } from "@holdfast/model";
import { outermost, without } from "./prefixes.ts";
import { formatRuleId } from "./rule-id.ts";
import type { Direction, ProgramRule, Remote, SetId, Stage } from "./rule-program.ts";
import { compileServices } from "./rule-services.ts";
import { type SetSource, setIdOf } from "./set-source.ts";
import { groupInStages } from "./stages.ts";
import type { PolicySpec } from "./world.ts";

/** The rules of one policy, compiled: the same for every endpoint that it concerns. */
export interface PolicyBlock {
  /** `TENANT/POLICY`. */
  readonly id: string;
  readonly tier: Tier;
  readonly isolates: readonly Direction[];
  readonly v4: BlockFamily;
  readonly v6: BlockFamily;
}

export interface BlockFamily {
  readonly ingress: BlockRules;
  readonly egress: BlockRules;
}

export interface BlockRules {
  readonly main: readonly Stage[];
  readonly foreign: readonly Stage[];
}

/** What other tenants let a tenant name. */
export interface Consents {
  tenantShares(tenant: Name, group: Name | undefined): boolean;
}

/** A block and the sets that its rules refer to. */
export interface CompiledBlock {
  readonly block: PolicyBlock;
  readonly sources: ReadonlyMap<SetId, SetSource>;
}

/** One list of rules of a block. */
interface Place {
  readonly policy: PolicySpec;
  readonly direction: Direction;
  readonly family: Family;
  readonly realm: "main" | "foreign";
}

export function compileBlock(policy: PolicySpec, consents: Consents): CompiledBlock {
  const sources = new Map<SetId, SetSource>();
  const rules = (place: Place): readonly Stage[] =>
    groupInStages(policy[place.direction].flatMap((rule) => compileRule(rule, place, { consents, sources })));
  const direction = (direction: Direction, family: Family): BlockRules => ({
    main: rules({ policy, direction, family, realm: "main" }),
    foreign: rules({ policy, direction, family, realm: "foreign" }),
  });
  const ofFamily = (family: Family): BlockFamily => ({
    ingress: direction("ingress", family),
    egress: direction("egress", family),
  });
  const { tenant, name, tier, isolates } = policy;
  const block = { id: `${tenant}/${name}`, tier, isolates, v4: ofFamily("v4"), v6: ofFamily("v6") };
  return { block, sources: referredTo(block, sources) };
}

/** Without what only rules refer to that no packet can reach. */
function referredTo({ v4, v6 }: PolicyBlock, sources: ReadonlyMap<SetId, SetSource>): Map<SetId, SetSource> {
  const lists = [v4.ingress, v4.egress, v6.ingress, v6.egress].flatMap(({ main, foreign }) => [...main, ...foreign]);
  const remotes = lists.flatMap(({ rules }) => rules).map(({ remote }) => remote);
  const used = new Set(remotes.flatMap((remote) => (remote === "any" ? [] : remote.sets)));
  return new Map([...sources].filter(([id]) => used.has(id)));
}

interface Compilation {
  readonly consents: Consents;
  readonly sources: Map<SetId, SetSource>;
}

/** Empty: it matches nothing there. */
function compileRule(rule: PolicyRule, place: Place, compilation: Compilation): ProgramRule[] {
  const remote = compileRemote(rule, place, compilation);
  const services = rule.services === undefined ? "any" : compileServices(rule.services, place.family);
  const [first, ...others] = services === "any" ? [] : services;
  if (remote === undefined || (services !== "any" && first === undefined)) return [];
  const { tenant, name } = place.policy;
  return [
    {
      id: formatRuleId({ kind: "rule", tenant, policy: name, direction: place.direction, rule: rule.id }),
      verdict: rule.action,
      log: rule.log ?? false,
      remote,
      services: first === undefined ? "any" : [first, ...others],
    },
  ];
}

/** Undefined: nobody. */
function compileRemote(
  rule: PolicyRule,
  place: Place,
  { consents, sources }: Compilation,
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
    const source = sourceOf(peer, place, consents);
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
function sourceOf(
  peer: Exclude<Peer, { kind: "cidr" }>,
  { policy, realm }: Place,
  consents: Consents,
): SetSource | undefined {
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
