import type { Family } from "@holdfast/core";
import type { PolicyRule, Tier } from "@holdfast/model";
import { type Consents, compileRule, type Realm, type RuleParts, staysAsItIs } from "./rule-parts.ts";
import type { Direction, SetId, Stage } from "./rule-program.ts";
import type { SetSource } from "./set-source.ts";
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

/** A block and the sets that its rules refer to. */
export interface CompiledBlock {
  readonly block: PolicyBlock;
  readonly sources: ReadonlyMap<SetId, SetSource>;
  /** By id, for the next version: an edit compiles the rules that it touches. */
  readonly parts: Readonly<Record<Direction, ReadonlyMap<PolicyRule["id"], RuleParts>>>;
}

/** @param former version of the same policy. */
export function compileBlock(policy: PolicySpec, consents: Consents, former?: CompiledBlock): CompiledBlock {
  const partsOf = (direction: Direction): RuleParts[] =>
    policy[direction].map((rule) => {
      const known = former?.parts[direction].get(rule.id);
      const kept = known !== undefined && staysAsItIs(known, rule, policy.tenant);
      return kept ? known : compileRule(rule, { policy, direction, consents });
    });
  const parts = { ingress: partsOf("ingress"), egress: partsOf("egress") };
  const stages = (direction: Direction, family: Family, realm: Realm): readonly Stage[] =>
    groupInStages(parts[direction].flatMap((each) => each[family][realm] ?? []));
  const rules = (direction: Direction, family: Family): BlockRules => ({
    main: stages(direction, family, "main"),
    foreign: stages(direction, family, "foreign"),
  });
  const ofFamily = (family: Family): BlockFamily => ({
    ingress: rules("ingress", family),
    egress: rules("egress", family),
  });
  const { tenant, name, tier, isolates } = policy;
  const block = { id: `${tenant}/${name}`, tier, isolates, v4: ofFamily("v4"), v6: ofFamily("v6") };
  const sources = new Map([...parts.ingress, ...parts.egress].flatMap((each) => [...each.sources]));
  return {
    block,
    sources: referredTo(block, sources),
    parts: { ingress: byId(parts.ingress), egress: byId(parts.egress) },
  };
}

function byId(parts: readonly RuleParts[]): ReadonlyMap<PolicyRule["id"], RuleParts> {
  return new Map(parts.map((each) => [each.rule.id, each]));
}

/** Without what only rules refer to that no packet can reach. */
function referredTo({ v4, v6 }: PolicyBlock, sources: ReadonlyMap<SetId, SetSource>): Map<SetId, SetSource> {
  const lists = [v4.ingress, v4.egress, v6.ingress, v6.egress].flatMap(({ main, foreign }) => [...main, ...foreign]);
  const remotes = lists.flatMap(({ rules }) => rules).map(({ remote }) => remote);
  const used = new Set(remotes.flatMap((remote) => (remote === "any" ? [] : remote.sets)));
  return new Map([...sources].filter(([id]) => used.has(id)));
}
