import { type FlowDropField, flowDropFields, type PolicyDrops } from "@holdfast/model";
import { slotOf } from "../query/add-up.ts";
import type { Slots } from "../query/plan.ts";

/** What a rule, or a guard, has dropped on a node since it was told before: exact, every packet is in it. */
export interface Dropped extends DropKey {
  /** When it was told, in milliseconds since 1970. */
  readonly at: number;
  readonly packets: number;
  readonly bytes: number;
}

/** What dropped it, and where. */
export interface DropKey {
  readonly node: string;
  /** Absent, as are policy and direction: a guard against spoofing. */
  readonly tenant?: string | undefined;
  readonly policy?: string | undefined;
  readonly direction?: PolicyDrops["direction"] | undefined;
  /** Absent: what no rule has allowed, in a direction that the policy isolates; or a guard. */
  readonly rule?: string | undefined;
  readonly guard?: string | undefined;
}

/** Which drops, and of which time. */
export interface DropPlan {
  readonly slots: Slots;
  readonly tenant?: string | undefined;
  readonly policy?: string | undefined;
  readonly node?: string | undefined;
}
export const ASKED_FIELDS = ["tenant", "policy", "node"] as const satisfies (keyof DropPlan & FlowDropField)[];

/** What was dropped in a slot of a plan. */
export interface DropSum extends DropKey {
  readonly slot: number;
  readonly packets: number;
  readonly bytes: number;
}

/** A key from its values, in the order of {@link flowDropFields}; null: it has none. */
export function dropKey(values: readonly (string | number | boolean | null | undefined)[]): DropKey {
  const named = flowDropFields.flatMap((field, index) => {
    const value = values[index] ?? null;
    return value === null ? [] : [[field, String(value)] as const];
  });
  return Object.fromEntries(named) as unknown as DropKey;
}

/** Each key of each slot once: what every back end has to come to. */
export function addUpDrops(drops: Iterable<Dropped>, plan: DropPlan): readonly DropSum[] {
  const found = new Map<string, DropSum>();
  for (const one of drops) {
    const slot = slotOf(plan.slots, one.at);
    if (slot === undefined || ASKED_FIELDS.some((field) => plan[field] !== undefined && plan[field] !== one[field]))
      continue;
    const values = flowDropFields.map((field) => one[field] ?? null);
    const key = JSON.stringify([slot, ...values]);
    const { packets = 0, bytes = 0 } = found.get(key) ?? {};
    found.set(key, { slot, ...dropKey(values), packets: packets + one.packets, bytes: bytes + one.bytes });
  }
  return [...found.values()];
}
