import type { Action, Flow } from "@holdfast/openflow";
import type { FlowRow } from "../flow-row.ts";
import { TableId } from "../pipeline/layout.ts";
import { Register } from "./layout.ts";
import { type KnownPriorities, listNameOf } from "./program-flows.ts";

/** The priorities of the rules that the switch has, so that a restarted agent makes the same flows of the same programs. */
export function knownPriorities(flows: readonly Flow[]): KnownPriorities {
  const lists = new Map<string, Map<bigint, Set<number>>>();
  for (const { table, priority, match, actions } of flows) {
    const number = ruleOf(actions);
    const list = match.registers?.[Register.list];
    if (table !== TableId.policyRules || number === undefined || typeof list !== "number") continue;
    if (typeof match.metadata !== "bigint" || match.ethType === undefined) continue;
    const name = listNameOf(match.ethType, match.metadata, list);
    const rules = lists.get(name) ?? new Map<bigint, Set<number>>();
    lists.set(name, rules);
    rules.set(number, (rules.get(number) ?? new Set()).add(priority));
  }
  return new Map([...lists].map(([name, rules]) => [name, new Map([...rules].flatMap(named))]));
}

/** By path: the keys of the flows that decide for it, so that what a program does not say any more goes in the change that tells it. */
export function keysByPath(rows: readonly FlowRow[]): ReadonlyMap<bigint, readonly string[]> {
  const paths = new Map<bigint, string[]>();
  for (const { key, flow } of rows) {
    const { metadata } = flow.match;
    if (typeof metadata !== "bigint") continue;
    const keys = paths.get(metadata) ?? [];
    paths.set(metadata, keys);
    keys.push(key);
  }
  return paths;
}

/** Of rules with the same id the first has the highest priority. */
function named([rule, priorities]: [bigint, Set<number>]): (readonly [string, number])[] {
  return [...priorities].toSorted((a, b) => b - a).map((priority, times) => [`${rule} ${times}`, priority] as const);
}

function ruleOf(actions: readonly Action[]): bigint | undefined {
  const [high, low] = Register.rule.map((name) => {
    const set = actions.find((action) => action.kind === "set-field" && action.field === name);
    return set?.kind === "set-field" ? set.value : undefined;
  });
  return high === undefined || low === undefined ? undefined : (high << 32n) | low;
}
