import type { DroppingIdentity } from "../counters/port-counters.ts";
import { MOST_GROUPS } from "./traffic-values.ts";
import type { Values } from "./values.ts";

/** Packets per second that each identity's ports threw away between the last two samples of their counters: exact. A port that is gone drops nothing. */
export function dropValues(dropping: readonly DroppingIdentity[], tenant: string | undefined): Values {
  const observations = dropping
    .filter(({ end }) => tenant === undefined || end.tenant === tenant)
    .toSorted((a, b) => b.rate - a.rate)
    .slice(0, MOST_GROUPS)
    .map(({ end: { tenant: of, network, identity }, rate }) => ({
      id: JSON.stringify([of, network, identity]),
      key: { tenant: of, network, identity },
      value: rate,
    }));
  return { kind: "known", observations, absent: 0 };
}
