import type { Name } from "@holdfast/core";
import { type CountsReport, type Policy, type PolicyDrops, policyDropsKey } from "@holdfast/model";
import { parseRuleId } from "@holdfast/policy";

/** What rules and guards have dropped in this life of the controller, node by node, for those who follow it. */
export interface DropTotals {
  /** Takes what a rule of a policy has decided since its node's report before. */
  addRule(node: Name, policy: Policy, count: CountsReport["rules"][number]): void;
  addGuard(node: Name, count: CountsReport["guards"][number]): void;
  /** Drops what is of nodes and policies that are gone. */
  forget(isGone: (drops: PolicyDrops) => boolean): void;
  readonly all: Iterable<PolicyDrops>;
  /** Hears the new totals of what changes, as often as it does, until it is let go of. */
  follow(hear: (changed: PolicyDrops) => void): Disposable;
}

export function createDropTotals(): DropTotals {
  const totals = new Map<string, PolicyDrops>();
  const followers = new Set<(changed: PolicyDrops) => void>();

  function add(more: PolicyDrops): void {
    const key = policyDropsKey(more);
    const { packets = 0, bytes = 0 } = totals.get(key) ?? {};
    const changed = { ...more, packets: packets + more.packets, bytes: bytes + more.bytes };
    totals.set(key, changed);
    for (const hear of followers) hear(changed);
  }

  return {
    addRule(node, policy, { rule: id, packets, bytes }) {
      const origin = parseRuleId(id);
      if (packets === 0 || (origin?.kind !== "rule" && origin?.kind !== "isolates")) return;
      const { tenant, name } = policy;
      const { direction } = origin;
      const rule = origin.kind === "rule" ? ruleOf(policy, direction, origin.rule) : undefined;
      if (origin.kind === "rule" && rule?.action !== "deny") return;
      const said = rule === undefined ? {} : { rule: rule.id };
      add({ node, tenant, policy: name, direction, ...said, packets, bytes });
    },
    addGuard(node, { guard, packets, bytes }) {
      if (packets > 0) add({ node, guard, packets, bytes });
    },
    forget(isGone) {
      for (const [key, drops] of totals) if (isGone(drops)) totals.delete(key);
    },
    get all() {
      return totals.values();
    },
    follow(hear) {
      followers.add(hear);
      return { [Symbol.dispose]: () => void followers.delete(hear) };
    },
  };
}

type Rule = Policy["ingress"][number];
const rulesById = new WeakMap<readonly Rule[], ReadonlyMap<string, Rule>>();

/** Policies have thousands of rules, and nodes report as many at once. */
function ruleOf(policy: Policy, direction: "ingress" | "egress", id: string): Rule | undefined {
  const rules = policy[direction];
  const known = rulesById.get(rules) ?? new Map(rules.map((rule) => [String(rule.id), rule]));
  rulesById.set(rules, known);
  return known.get(id);
}
