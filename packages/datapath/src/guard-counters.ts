import type { GuardCounter } from "./driver.ts";

/** One of each guard. */
export function sumOfGuards(counters: readonly GuardCounter[]): readonly GuardCounter[] {
  return [...Map.groupBy(counters, ({ guard }) => guard)].map(([guard, some]) => ({
    guard,
    packets: some.reduce((sum, { packets }) => sum + packets, 0),
    bytes: some.reduce((sum, { bytes }) => sum + bytes, 0),
  }));
}
