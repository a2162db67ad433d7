import { parseDuration } from "@holdfast/core";
import { type FlowAlarmEvent, flowAlarmLevels } from "@holdfast/model";
import { afterGap, isClearing, isSamePhase, type Phase, type Step, step, type Terms } from "./condition.ts";
import type { KeptAlarm, KeptGroup } from "./kept.ts";
import { MOST_GROUPS } from "./traffic-values.ts";
import type { Observation, Values } from "./values.ts";

/** What a look at an alarm changes. */
export interface Transitions {
  /** Undefined: it has no state any more that lasts. */
  readonly groups: ReadonlyMap<string, KeptGroup | undefined>;
  readonly events: readonly EventOf[];
  /** Groups that there was no room to follow. */
  readonly leftOut: number;
}

export interface EventOf {
  readonly event: FlowAlarmEvent["event"];
  readonly key: FlowAlarmEvent["key"];
  readonly value?: number;
  readonly errorPercent?: number;
  /** Seconds for which it was raised. */
  readonly seconds?: number;
}

/** What was raised so many milliseconds ago, and is not seen any more, is not waited for; unless it is its absence that clears it. */
const FORGOTTEN_AFTER = 7 * 86_400_000;

export function termsOf({ spec }: Pick<KeptAlarm, "spec">): Terms {
  const { raise, clear } = flowAlarmLevels(spec);
  return {
    when: spec.when,
    raise: { at: raise, for: parseDuration(spec.raise.for) },
    clear: { at: clear, for: parseDuration(spec.clear.for) },
  };
}

/**
 * What the values of a moment make of an alarm's groups.
 *
 * @param before groups that have a state
 * @param gap nobody looked for too long before this moment
 */
export function transitionsOf(
  alarm: Pick<KeptAlarm, "spec">,
  before: ReadonlyMap<string, KeptGroup>,
  values: Values & { kind: "known" },
  { at, gap }: { readonly at: number; readonly gap: boolean },
): Transitions {
  const terms = termsOf(alarm);
  const groups = new Map<string, KeptGroup | undefined>();
  const events: EventOf[] = [];
  // Only what was once there can be missed; of what is too much, the calm ones are nobody's business.
  const keepsCalm = terms.when === "below" || alarm.spec.on.kind === "silent";
  let [followed, leftOut] = [before.size, 0];

  function take(id: string, key: KeptGroup["key"], { phase, event }: Step, seen?: Observation): void {
    const known = before.get(id);
    const isKept = phase.kind !== "ok" || keepsCalm;
    if (known === undefined && isKept && followed >= MOST_GROUPS) {
      leftOut += 1;
      return;
    }
    if (event !== undefined) events.push(eventOf(event, { key, before: known?.phase, at, seen }));
    if (isKept && (known === undefined || !isSamePhase(known.phase, phase))) groups.set(id, { key, phase });
    if (!isKept && known !== undefined) groups.set(id, undefined);
    followed += Number(isKept) - Number(known !== undefined);
  }

  const seen = new Map(values.observations.map((one) => [one.id, one]));
  // Those that are known come first: what is cleared makes room.
  for (const [id, { key, phase }] of before) {
    const observation = seen.get(id);
    const value = observation?.value ?? values.absent;
    const canClear = value !== undefined && isClearing(value, terms);
    if (observation === undefined && !canClear && isForgotten(phase, at)) {
      events.push(eventOf("forgotten", { key, before: phase, at }));
      groups.set(id, undefined);
      followed -= 1;
    } else if (value !== undefined) {
      take(id, observation?.key ?? key, step(gap ? afterGap(phase, at) : phase, value, at, terms), observation);
    }
  }
  for (const [id, observation] of seen) {
    if (before.has(id)) continue;
    take(id, observation.key, step({ kind: "ok", since: at }, observation.value, at, terms), observation);
  }
  return { groups, events, leftOut };
}

/** Ends everything that is raised: the alarm is not what it was. */
export function clearedBy(before: ReadonlyMap<string, KeptGroup>, at: number): Transitions {
  const raised = [...before.values()].filter(({ phase }) => phase.kind === "firing");
  return {
    groups: new Map(before.keys().map((id) => [id, undefined])),
    events: raised.map(({ key, phase }) => eventOf("cleared", { key, before: phase, at })),
    leftOut: 0,
  };
}

function isForgotten(phase: Phase, at: number): boolean {
  return phase.kind === "firing" && at - phase.since >= FORGOTTEN_AFTER;
}

function eventOf(event: EventOf["event"], { key, before, at, seen }: About): EventOf {
  return {
    event,
    key,
    ...(seen === undefined ? {} : { value: seen.value }),
    ...(seen?.errorPercent === undefined ? {} : { errorPercent: seen.errorPercent }),
    ...(event !== "raised" && before?.kind === "firing" ? { seconds: (at - before.since) / 1000 } : {}),
  };
}

interface About {
  readonly key: KeptGroup["key"];
  readonly before: Phase | undefined;
  readonly at: number;
  readonly seen?: Observation | undefined;
}
