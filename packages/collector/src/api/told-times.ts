import type { Slots } from "../query/plan.ts";
import type { TimeRange } from "./range.ts";

/** A moment in milliseconds since 1970, e.g. `"2026-11-22T07:31:00.000Z"`. */
export function timeText(moment: number): string {
  return new Date(moment).toISOString();
}

/** What an answer says of the time that it is about. */
export function toldRange({ from, to }: TimeRange): {
  readonly from: string;
  readonly to: string;
  readonly seconds: number;
} {
  return { from: timeText(from), to: timeText(to), seconds: (to - from) / 1000 };
}

/** What an answer says of its steps: how long one is, in seconds, and when they begin. */
export function toldSteps({ start, milliseconds, count }: Slots): { readonly step: number; readonly times: string[] } {
  const times = Array.from({ length: count }, (_, index) => timeText(start + index * milliseconds));
  return { step: milliseconds / 1000, times };
}

/** How much of a step there is before the end: the newest may not be over yet. */
export function stepSeconds({ start, milliseconds }: Slots, index: number, to: number): number {
  const begin = start + index * milliseconds;
  return (Math.min(to, begin + milliseconds) - begin) / 1000;
}
