import { type FlowDropField, type FlowDrops, flowDropFields, type RouteRequest, type Routes } from "@holdfast/model";
import type { DropSum } from "../drops/dropped.ts";
import type { Slots } from "../query/plan.ts";
import type { FlowStore } from "../store/store.ts";
import { namesIn, noSuchField } from "./field-names.ts";
import { type Moment, stepsOf, timeRange } from "./range.ts";
import { stepSeconds, toldRange, toldSteps } from "./told-times.ts";

type Query = RouteRequest<Routes["flowDrops"]>["query"];

/** Packets and bytes, slot by slot. */
interface Amounts {
  readonly packets: number[];
  bytes: number;
}

/** What rules and guards have dropped. @throws HoldfastError `invalid_argument`, naming the parameter; `unavailable` */
export async function flowDrops(store: FlowStore, query: Query, moment: Moment): Promise<FlowDrops> {
  const { last, from, to, step, by, limit, ...scope } = query;
  const range = timeRange({ last, from, to }, moment);
  const slots: Slots =
    step === undefined
      ? { start: range.from, milliseconds: range.to - range.from, count: 1 }
      : stepsOf(range, step, moment);
  const fields = withNames(fieldsOf(by));
  const groups = groupsOf(await store.drops({ slots, ...scope }), fields, slots);
  const [told, others] = [groups.slice(0, limit), groups.slice(limit)];
  const line = (amounts: readonly Amounts[]) => lineOf(amounts, { slots, to: range.to, isSeries: step !== undefined });
  return {
    ...toldRange({ from: slots.start, to: range.to }),
    by: [...fields],
    ...(step === undefined ? {} : toldSteps(slots)),
    groups: told.map(({ key, amounts }) => ({ key, ...line([amounts]) })),
    other: { groups: others.length, ...line(others.map(({ amounts }) => amounts)) },
    total: line(groups.map(({ amounts }) => amounts)),
  };
}

interface Group {
  readonly key: FlowDrops["groups"][number]["key"];
  readonly amounts: Amounts;
}

/** Those with the most packets first, equal ones by their keys. */
function groupsOf(sums: readonly DropSum[], fields: readonly FlowDropField[], { count }: Slots): readonly Group[] {
  const found = new Map<string, Group>();
  for (const { slot, packets, bytes, ...of } of sums) {
    const key = Object.fromEntries(fields.map((field) => [field, of[field] ?? null]));
    const name = JSON.stringify(key);
    const group = found.get(name) ?? { key, amounts: { packets: Array.from({ length: count }, () => 0), bytes: 0 } };
    found.set(name, group);
    group.amounts.packets[slot] = (group.amounts.packets[slot] ?? 0) + packets;
    group.amounts.bytes += bytes;
  }
  return [...found]
    .map(([name, group]) => ({ name, group, size: sum(group.amounts.packets) }))
    .sort((a, b) => b.size - a.size || (a.name < b.name ? -1 : 1))
    .map(({ group }) => group);
}

function lineOf(
  amounts: readonly Amounts[],
  { slots, to, isSeries }: { readonly slots: Slots; readonly to: number; readonly isSeries: boolean },
): FlowDrops["total"] {
  const packets = Array.from({ length: slots.count }, (_, slot) => sum(amounts.map((one) => one.packets[slot] ?? 0)));
  return {
    packets: sum(packets),
    bytes: sum(amounts.map(({ bytes }) => bytes)),
    ...(isSeries ? { rates: packets.map((count, slot) => count / stepSeconds(slots, slot, to)) } : {}),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((whole, one) => whole + one, 0);
}

/** @throws HoldfastError `invalid_argument` */
function fieldsOf(by: string): readonly FlowDropField[] {
  return namesIn(by).map((name) => {
    const field = flowDropFields.find((one) => one === name);
    if (field !== undefined) return field;
    throw noSuchField(name, flowDropFields);
  });
}

const WITHIN: Partial<Record<FlowDropField, readonly FlowDropField[]>> = {
  policy: ["tenant"],
  rule: ["tenant", "policy", "direction"],
};

/** What only means something within others comes with them: two policies' rules of a name are two. */
function withNames(fields: readonly FlowDropField[]): readonly FlowDropField[] {
  return [...new Set(fields.flatMap((field) => [...(WITHIN[field] ?? []), field]))];
}
