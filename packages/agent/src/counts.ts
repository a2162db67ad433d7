import type { CountsReport } from "@holdfast/model";

export interface Count {
  readonly packets: number;
  readonly bytes: number;
}

export const NOTHING: Count = { packets: 0, bytes: 0 };

export type RuleCount = CountsReport["rules"][number];
export type GuardCount = CountsReport["guards"][number];

/** What was counted, by rule and mode, and by guard. */
export interface Counts {
  readonly rules: Map<string, RuleCount>;
  readonly guards: Map<string, GuardCount>;
}

export function noCounts(): Counts {
  return { rules: new Map(), guards: new Map() };
}

export function ruleKey({ mode, rule }: Pick<RuleCount, "mode" | "rule">): string {
  return `${mode} ${rule}`;
}

export function addRule({ rules }: Counts, each: RuleCount): void {
  const key = ruleKey(each);
  rules.set(key, { ...each, ...sum(rules.get(key) ?? NOTHING, each) });
}

export function addGuard({ guards }: Counts, each: GuardCount): void {
  guards.set(each.guard, { ...each, ...sum(guards.get(each.guard) ?? NOTHING, each) });
}

/** What is left of it without these. */
export function without(all: Counts, { rules, guards }: Pick<CountsReport, "rules" | "guards">): Counts {
  const left: Counts = { rules: new Map(all.rules), guards: new Map(all.guards) };
  for (const each of rules) subtract(left.rules, ruleKey(each), each);
  for (const each of guards) subtract(left.guards, each.guard, each);
  return left;
}

function subtract<T extends Count>(counts: Map<string, T>, key: string, less: Count): void {
  const before = counts.get(key);
  if (before === undefined) return;
  const packets = before.packets - less.packets;
  if (packets <= 0) counts.delete(key);
  else counts.set(key, { ...before, packets, bytes: Math.max(0, before.bytes - less.bytes) });
}

function sum(a: Count, b: Count): Count {
  return { packets: a.packets + b.packets, bytes: a.bytes + b.bytes };
}

/** What has come since. A count that is less than before has begun anew. */
export function difference(now: Count, before: Count): Count {
  if (now.packets < before.packets) return now;
  return { packets: now.packets - before.packets, bytes: Math.max(0, now.bytes - before.bytes) };
}
