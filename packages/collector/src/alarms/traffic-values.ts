import { HoldfastError, isHoldfastError, parseDuration } from "@holdfast/core";
import { estimateOf, parseTrafficFilter, type TrafficField } from "@holdfast/flow";
import type { FlowAlarmSubject } from "@holdfast/model";
import { fieldsOf, keyOf } from "../api/answers.ts";
import { noSum, type Sum, type SumAnswer, type SumPlan } from "../query/plan.ts";
import { planQuestion, withoutName, withTenants } from "../query/planner.ts";
import type { KeptAlarm } from "./kept.ts";
import type { Observation, Values } from "./values.ts";

/** So many groups of an alarm are followed at most. */
export const MOST_GROUPS = 500;

/** What of an alarm is about traffic. */
export type TrafficSubject = Exclude<FlowAlarmSubject, { kind: "silent" | "drops" | "denied" }>;

/** Asks for all that an alarm tells apart at once. @throws HoldfastError `invalid_argument`, naming the field of the alarm */
export function alarmPlan(
  { spec, tenant }: Pick<KeptAlarm, "spec" | "tenant">,
  on: TrafficSubject,
  to: number,
): SumPlan {
  const milliseconds = parseDuration(spec.over);
  const slots = { start: to - milliseconds, milliseconds, count: 1 };
  const plan = { slots, limit: MOST_GROUPS, ranked: "last" } as const;
  if (on.kind === "unattributed") {
    const { part, whole } = withoutName(tenant);
    return { ...plan, measure: "bytes", parts: [], totals: [part, whole] };
  }
  const by = trafficFields(on);
  const filter = named("on.filter", () => parseTrafficFilter(on.filter ?? ""));
  const { parts, asked } = planQuestion({ by, filter, tenant });
  // Without groups, what is asked for is a part of all that there is to see.
  const whole = by.length > 0 ? asked : planQuestion({ by: [], filter: parseTrafficFilter(""), tenant }).asked;
  return { ...plan, measure: on.measure, parts: by.length === 0 ? [] : parts, totals: [asked, whole] };
}

function trafficFields(on: Exclude<TrafficSubject, { kind: "unattributed" }>): readonly TrafficField[] {
  return withTenants(named("on.by", () => fieldsOf(on.by ?? "")));
}

/** What the answer says of each. A share of nothing is not above anything, and cannot be said to be below. */
export function trafficValues({ spec }: Pick<KeptAlarm, "spec">, on: TrafficSubject, answer: SumAnswer): Values {
  const seconds = parseDuration(spec.over) / 1000;
  const [part, whole] = answer.totals.map((sums) => sums[0] ?? noSum());
  if (part === undefined || whole === undefined) throw new TypeError("bug: an alarm asks for two totals");
  const measure = on.kind === "unattributed" ? "bytes" : on.measure;
  if (on.kind !== "rate" && whole[measure] === 0 && spec.when === "below") {
    return { kind: "unknown", why: "there was no traffic to have a share of" };
  }
  const amountOf = (sum: Sum): number => {
    if (on.kind !== "rate") return whole[measure] === 0 ? 0 : (100 * sum[measure]) / whole[measure];
    return (on.measure === "bytes" ? sum.bytes * 8 : sum.packets) / seconds;
  };
  const fields = on.kind === "unattributed" ? [] : trafficFields(on);
  const seen = (id: string, key: Observation["key"], sum: Sum): Observation => {
    const { errorPercent } = estimateOf(sum);
    return { id, key, value: amountOf(sum), errorPercent };
  };
  if (fields.length === 0) return { kind: "known", observations: [seen("[]", {}, part)], absent: undefined };
  const observations = answer.groups.map(({ key, slots: [sum = noSum()] }) =>
    seen(JSON.stringify(key), keyOf(fields, key), sum),
  );
  return { kind: "known", observations, absent: absentValue(spec.when, answer.other.groups, observations) };
}

/** Beyond those that are told, there may be others, which have less: enough to say that there is not too much, and not that there is too little. */
function absentValue(when: "above" | "below", others: number, told: readonly Observation[]): number | undefined {
  if (others === 0) return 0;
  return when === "above" ? told.at(-1)?.value : undefined;
}

/** Errors of a part, by the field of the alarm that it is. */
function named<T>(field: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    const message = error.message.replace(/^(by|filter)(?=[,:])/, field);
    throw new HoldfastError(error.code, message, { details: { ...error.details, field }, cause: error });
  }
}
