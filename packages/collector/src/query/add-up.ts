import { evaluate, holds } from "./evaluate.ts";
import {
  addTo,
  type Expression,
  type Group,
  type KeyValue,
  noSum,
  type Slots,
  type Sum,
  type SumAnswer,
  type SumPlan,
} from "./plan.ts";
import type { ServedTraffic } from "./row-values.ts";

/** A row of sums at a moment. */
export interface DatedRow {
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly row: ServedTraffic;
  readonly sum: Sum;
}

/** Carries a plan out, row by row: what every back end has to come to. */
export function addUp(plan: SumPlan, rows: Iterable<DatedRow>): SumAnswer {
  const empty = (): Sum[] => Array.from({ length: plan.slots.count }, noSum);
  const groups = new Map<string, { readonly key: readonly KeyValue[]; readonly slots: Sum[] }>();
  const totals = plan.totals.map(empty);

  function count(key: readonly KeyValue[], slot: number, sum: Sum): void {
    const name = JSON.stringify(key);
    const group = groups.get(name) ?? { key, slots: empty() };
    groups.set(name, group);
    addTo(group.slots[slot] as Sum, sum);
  }

  for (const { start, row, sum } of rows) {
    const slot = slotOf(plan.slots, start);
    if (slot === undefined || !row.isCounted) continue;
    for (const { where, keys } of plan.parts) {
      if (!holds(where, row)) continue;
      for (const key of keysOf(keys, row)) count(key, slot, sum);
    }
    for (const [index, where] of plan.totals.entries()) {
      if (holds(where, row)) addTo(totals[index]?.[slot] as Sum, sum);
    }
  }
  return { ...ranked(plan, [...groups.values()]), totals };
}

/** Which slot a moment is in; undefined: none. */
export function slotOf({ start, milliseconds, count }: Slots, moment: number): number | undefined {
  const slot = Math.floor((moment - start) / milliseconds);
  return slot >= 0 && slot < count ? slot : undefined;
}

/** The keys of a row: one for each of its groups where a key is that. */
function keysOf(keys: readonly Expression[], row: ServedTraffic): readonly (readonly KeyValue[])[] {
  return keys.reduce<readonly (readonly KeyValue[])[]>(
    (found, key) => {
      const value = evaluate(key, row);
      const several: readonly KeyValue[] = Array.isArray(value)
        ? value.length === 0
          ? [null]
          : value
        : [value as KeyValue];
      return found.flatMap((before) => several.map((one) => [...before, one]));
    },
    [[]],
  );
}

function ranked(plan: SumPlan, groups: readonly Group[]): Omit<SumAnswer, "totals"> {
  const sorted = inOrder(plan, groups);
  const slots = Array.from({ length: plan.slots.count }, noSum);
  for (const rest of sorted.slice(plan.limit)) {
    for (const [index, sum] of rest.slots.entries()) addTo(slots[index] as Sum, sum);
  }
  return { groups: sorted.slice(0, plan.limit), other: { groups: Math.max(0, sorted.length - plan.limit), slots } };
}

/** Those with the most first; equal ones in the order of their keys. */
export function inOrder({ ranked: by, measure }: SumPlan, groups: readonly Group[]): readonly Group[] {
  const sizeOf = ({ slots }: Group): number => {
    const looked = by === "last" ? slots.slice(-1) : slots;
    return looked.reduce((size, sum) => size + sum[measure], 0);
  };
  return groups
    .map((group) => ({ group, size: sizeOf(group) }))
    .sort((a, b) => b.size - a.size || compareKeys(a.group.key, b.group.key))
    .map(({ group }) => group);
}

/** As text, key by key; what is absent comes last. */
function compareKeys(a: readonly KeyValue[], b: readonly KeyValue[]): number {
  for (const [index, one] of a.entries()) {
    const other = b[index] ?? null;
    if (one === other) continue;
    if (one === null || other === null) return one === null ? 1 : -1;
    return String(one) < String(other) ? -1 : 1;
  }
  return 0;
}
