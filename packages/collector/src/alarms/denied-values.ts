import { parseDuration } from "@holdfast/core";
import type { DropPlan, DropSum } from "../drops/dropped.ts";
import type { KeptAlarm } from "./kept.ts";
import { MOST_GROUPS } from "./traffic-values.ts";
import type { Observation, Values } from "./values.ts";

/** What an alarm on policies asks for at a moment. */
export function deniedPlan({ spec, tenant }: Pick<KeptAlarm, "spec" | "tenant">, to: number): DropPlan {
  const milliseconds = parseDuration(spec.over);
  return { slots: { start: to - milliseconds, milliseconds, count: 1 }, tenant };
}

/** Packets per second that each policy dropped: exact. One that is gone drops nothing. */
export function deniedValues({ spec }: Pick<KeptAlarm, "spec">, sums: readonly DropSum[]): Values {
  const seconds = parseDuration(spec.over) / 1000;
  const found = new Map<string, Observation>();
  for (const { tenant, policy, packets } of sums) {
    // Guards are the platform's.
    if (tenant === undefined || policy === undefined) continue;
    const id = JSON.stringify([tenant, policy]);
    const { value = 0 } = found.get(id) ?? {};
    found.set(id, { id, key: { tenant, policy }, value: value + packets / seconds });
  }
  const observations = [...found.values()].sort((a, b) => b.value - a.value);
  return { kind: "known", observations: observations.slice(0, MOST_GROUPS), absent: 0 };
}
