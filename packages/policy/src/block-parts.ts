import { alike } from "@holdfast/core";
import type { BlockRules, PolicyBlock } from "./policy-block.ts";
import type { ProgramRule, Stage } from "./rule-program.ts";

/** The new version with the parts of the former one that are the same, so that a data path sees what has changed without comparing. */
export function keepParts(before: PolicyBlock | undefined, after: PolicyBlock): PolicyBlock {
  if (before === undefined) return after;
  const family = (name: "v4" | "v6") => ({
    ingress: keepRules(before[name].ingress, after[name].ingress),
    egress: keepRules(before[name].egress, after[name].egress),
  });
  return { ...after, v4: family("v4"), v6: family("v6") };
}

function keepRules(before: BlockRules, after: BlockRules): BlockRules {
  return { main: keepStages(before.main, after.main), foreign: keepStages(before.foreign, after.foreign) };
}

function keepStages(before: readonly Stage[], after: readonly Stage[]): readonly Stage[] {
  const rules = new Map<string, ProgramRule>();
  const stages = new Map<ProgramRule | undefined, Stage>();
  for (const stage of before) {
    stages.set(stage.rules[0], stage);
    for (const rule of stage.rules) rules.set(rule.id, rule);
  }
  return after.map((stage) => {
    const kept = stage.rules.map((rule) => {
      const same = rules.get(rule.id);
      return same !== undefined && alike(same, rule) ? same : rule;
    });
    const former = stages.get(kept[0]);
    const isSame =
      former?.disjoint === stage.disjoint &&
      former.rules.length === kept.length &&
      former.rules.every((rule, index) => rule === kept[index]);
    return isSame ? former : { ...stage, rules: kept };
  });
}
