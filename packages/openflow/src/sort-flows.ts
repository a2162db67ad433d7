import { formatMatch } from "./format-match.ts";
import type { ObservedFlow } from "./switch.ts";

/** By table, then priority (highest first), then the text of the match. */
export function sortFlows(flows: readonly ObservedFlow[]): readonly ObservedFlow[] {
  return flows
    .map((observed) => ({ observed, match: formatMatch(observed.flow.match) }))
    .sort(
      (a, b) =>
        a.observed.flow.table - b.observed.flow.table ||
        b.observed.flow.priority - a.observed.flow.priority ||
        (a.match < b.match ? -1 : Number(a.match > b.match)),
    )
    .map(({ observed }) => observed);
}
