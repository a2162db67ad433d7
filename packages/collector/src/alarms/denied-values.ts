import { formatDuration, parseDuration } from "@holdfast/core";
import type { DropPlan, DropSum } from "../drops/dropped.ts";
import type { HeardDrops } from "../drops/follow-drops.ts";
import type { KeptAlarm } from "./kept.ts";
import { MOST_GROUPS } from "./traffic-values.ts";
import type { Observation, Values } from "./values.ts";

/** Why nothing is told of what policies drop. */
export const NO_CONTROLLER = "this collector follows no controller, which tells what policies drop";
/** Milliseconds between two words of a controller at most: several beats. Who is silent for longer may be away, and nobody knows yet. */
const LONGEST_SILENCE = 15_000;

/** Why it is not known what policies dropped in the time that an alarm is about; undefined: it is. A time that was not heard is not one without drops. */
export function whyUnheard(
  { spec }: Pick<KeptAlarm, "spec">,
  heard: HeardDrops | undefined,
  to: number,
): string | undefined {
  if (heard === undefined) return "the controller, which tells what policies drop, is not reached";
  const silence = to - heard.until;
  if (silence > LONGEST_SILENCE)
    return `the controller has said nothing of what policies drop for ${formatDuration(silence)}`;
  const missing = heard.since - to + parseDuration(spec.over);
  if (missing <= 0) return undefined;
  return `what policies drop is looked at again in ${formatDuration(missing + 999)}, when it was heard for long enough without a gap`;
}

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
