import {
  endFields,
  estimateOf,
  fieldName,
  parseTrafficFilter,
  type TrafficField,
  trafficField,
  trafficFieldNames,
} from "@holdfast/flow";
import type { FlowEstimate, FlowKey, FlowSeries, RouteRequest, Routes, TopFlows } from "@holdfast/model";
import {
  addTo,
  type Group,
  type KeyValue,
  type Measure,
  noSum,
  type Slots,
  type Sum,
  type SumAnswer,
} from "../query/plan.ts";
import { planQuestion, withoutName, withTenants } from "../query/planner.ts";
import type { FlowStore } from "../store/store.ts";
import { namesIn, noSuchField } from "./field-names.ts";
import { type Moment, stepsOf, timeRange } from "./range.ts";
import { refused } from "./refused.ts";
import { stepSeconds, toldRange, toldSteps } from "./told-times.ts";

type Query<K extends keyof Routes> = RouteRequest<Routes[K]>["query"];

/** Most fields that one may group by at once. */
const MOST_FIELDS = 6;

/** Who has the most. @throws HoldfastError `invalid_argument`, naming the parameter; `unavailable` */
export async function topFlows(store: FlowStore, query: Query<"topFlows">, moment: Moment): Promise<TopFlows> {
  const compared = query.compare === "true";
  const { from, to } = timeRange(query, moment);
  const [milliseconds, count] = [to - from, compared ? 2 : 1];
  const slots = { start: to - count * milliseconds, milliseconds, count };
  const fields = withTenants(fieldsOf(query.by));
  const answer = await ask(store, { ...query, fields, slots, ranked: "last" });
  return topOf(answer, { fields, from, to, measure: query.measure, compared });
}

/** Who talks to whom. @throws like {@link topFlows} */
export async function flowMatrix(store: FlowStore, query: Query<"flowMatrix">, moment: Moment): Promise<TopFlows> {
  const pairs = fewNamesIn(query.by).map((name) => {
    const field = endFields.find((one) => one === name);
    if (field !== undefined) return field;
    throw refused("by", `${JSON.stringify(name)} is not what an end has; there are ${endFields.join(", ")}`);
  });
  const sides = ["source", "destination"] as const;
  const fields = withTenants(sides.flatMap((role) => pairs.map((field) => ({ kind: "end", role, field }) as const)));
  const { from, to } = timeRange(query, moment);
  const slots = { start: from, milliseconds: to - from, count: 1 };
  const answer = await ask(store, { ...query, fields, slots, ranked: "last" });
  return topOf(answer, { fields, from, to, measure: query.measure, compared: false });
}

/** Rates over time. @throws like {@link topFlows} */
export async function flowSeries(store: FlowStore, query: Query<"flowSeries">, moment: Moment): Promise<FlowSeries> {
  const range = timeRange(query, moment);
  const slots = stepsOf(range, query.step, moment);
  const fields = withTenants(fieldsOf(query.by));
  const answer = await ask(store, { ...query, fields, slots, ranked: "all" });
  const [total = [], unattributed = [], everything = []] = answer.totals;
  const line = (sums: readonly Sum[]) => ({
    traffic: estimate(addedUp(sums)),
    rates: sums.map((sum, index) => sum[query.measure] / stepSeconds(slots, index, range.to)),
  });
  return {
    ...toldRange({ from: slots.start, to: range.to }),
    by: fields.map(fieldName),
    measure: query.measure,
    ...share(addedUp(unattributed), addedUp(everything)),
    ...toldSteps(slots),
    groups:
      fields.length === 0
        ? []
        : answer.groups.map((group) => ({ key: keyOf(fields, group.key), ...line(group.slots) })),
    other: { groups: answer.other.groups, ...line(answer.other.slots) },
    total: line(total),
  };
}

/** @throws HoldfastError `invalid_argument` */
export function fieldsOf(by: string): readonly TrafficField[] {
  return fewNamesIn(by).map((name) => {
    const field = trafficField(name);
    if (field !== undefined) return field;
    throw noSuchField(name, trafficFieldNames);
  });
}

function fewNamesIn(by: string): readonly string[] {
  const names = namesIn(by);
  if (names.length > MOST_FIELDS) throw refused("by", `${names.length} fields; at most ${MOST_FIELDS}`);
  return names;
}

interface Asked {
  readonly fields: readonly TrafficField[];
  readonly filter?: string | undefined;
  readonly tenant?: string | undefined;
  readonly slots: Slots;
  readonly measure: Measure;
  readonly limit: number;
  readonly ranked: "all" | "last";
}

function ask(store: FlowStore, { fields, filter = "", tenant, ...plan }: Asked): Promise<SumAnswer> {
  const { parts, asked } = planQuestion({ by: fields, filter: parseTrafficFilter(filter), tenant });
  // The share without a name is not of what is asked for: filters by names would hide it.
  const { part, whole } = withoutName(tenant);
  return store.sums({ ...plan, parts: fields.length === 0 ? [] : parts, totals: [asked, part, whole] });
}

interface About {
  readonly fields: readonly TrafficField[];
  readonly from: number;
  readonly to: number;
  readonly measure: Measure;
  readonly compared: boolean;
}

function topOf(answer: SumAnswer, { fields, from, to, measure, compared }: About): TopFlows {
  const last = (sums: readonly Sum[] | undefined): Sum => sums?.at(-1) ?? noSum();
  const before = (sums: readonly Sum[] | undefined) => (compared ? { before: estimate(sums?.[0] ?? noSum()) } : {});
  const [total, unattributed, everything] = answer.totals;
  const percentOf = (sum: Sum): number => percent(sum[measure], last(total)[measure]) ?? 0;
  const told = ({ slots }: Pick<Group, "slots">) => ({
    traffic: estimate(last(slots)),
    percent: percentOf(last(slots)),
    ...before(slots),
  });
  return {
    ...toldRange({ from, to }),
    by: fields.map(fieldName),
    measure,
    ...share(last(unattributed), last(everything)),
    // Who had something before and has nothing now is not among those with the most.
    groups: answer.groups
      .filter(({ slots }) => last(slots).samples > 0)
      .map((group) => ({ key: keyOf(fields, group.key), ...told(group) })),
    other: { groups: answer.other.groups, ...told(answer.other) },
    total: estimate(last(total)),
    ...(compared ? { totalBefore: estimate(total?.[0] ?? noSum()) } : {}),
  };
}

export function keyOf(fields: readonly TrafficField[], key: readonly KeyValue[]): FlowKey {
  return Object.fromEntries(fields.map((field, index) => [fieldName(field), key[index] ?? null]));
}

function share(unattributed: Sum, everything: Sum): { readonly unattributedPercent?: number } {
  const part = percent(unattributed.bytes, everything.bytes);
  return part === undefined ? {} : { unattributedPercent: part };
}

/** Undefined: of nothing. */
function percent(part: number, whole: number): number | undefined {
  return whole === 0 ? undefined : (100 * part) / whole;
}

function addedUp(sums: readonly Sum[]): Sum {
  const whole = noSum();
  for (const sum of sums) addTo(whole, sum);
  return whole;
}

function estimate(sum: Sum): FlowEstimate {
  return estimateOf(sum);
}
