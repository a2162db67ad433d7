import type { FlowDrops } from "@holdfast/model";

/** What dropped something, and where. */
export interface DroppedBy {
  readonly tenant: string;
  readonly policy: string;
  readonly direction: "ingress" | "egress";
  /** Absent: what no rule has allowed. */
  readonly rule?: string | undefined;
  readonly node: string;
}

/** When rules have dropped something, node by node, as nodes told it. */
export interface DropTimes {
  /** Whether a node has told of drops of a rule from a moment on, before another one; in milliseconds since 1970. */
  hasDropped(by: DroppedBy, from: number, to: number): boolean;
}

/** What drops have to be told apart by. */
export const DROP_TIMES_BY = "rule,node";

/** @param drops over time, by {@link DROP_TIMES_BY} */
export function createDropTimes({ groups, times = [], step = 0 }: FlowDrops): DropTimes {
  const begins = times.map((time) => Date.parse(time));
  const rates = new Map(groups.map(({ key, rates: told = [] }) => [nameOf(key), told]));
  return {
    hasDropped({ rule = null, ...by }, from, to) {
      const told = rates.get(nameOf({ ...by, rule })) ?? [];
      return told.some((rate, index) => {
        const begin = begins[index] ?? 0;
        return rate > 0 && begin < to && begin + step * 1000 > from;
      });
    },
  };
}

function nameOf({ tenant, policy, direction, rule, node }: FlowDrops["groups"][number]["key"]): string {
  return JSON.stringify([tenant, policy, direction, rule, node]);
}
