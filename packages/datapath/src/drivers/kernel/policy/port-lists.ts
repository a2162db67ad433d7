import type { PortRange } from "@holdfast/policy";

/** Numbers for which the same list holds. */
export interface Portion extends PortRange {
  /** Indices of ranges, ascending. */
  readonly list: readonly number[];
}

/**
 * Cuts ranges that overlap into portions that do not, ascending, each with those that it is in.
 *
 * @returns undefined when the lists have more than `most` entries together.
 */
export function portionsOf(ranges: readonly (readonly PortRange[])[], most: number): readonly Portion[] | undefined {
  const edges = new Map<number, { begin: number[]; end: number[] }>();
  const edge = (at: number) => edges.getOrInsertComputed(at, () => ({ begin: [], end: [] }));
  for (const [index, some] of ranges.entries()) {
    for (const { first, last } of some) {
      edge(first).begin.push(index);
      edge(last + 1).end.push(index);
    }
  }
  const portions: Portion[] = [];
  const open = new Set<number>();
  let from = 0;
  let total = 0;
  for (const at of [...edges.keys()].toSorted((a, b) => a - b)) {
    if (open.size > 0) {
      total += open.size;
      if (total > most) return undefined;
      portions.push({ first: from, last: at - 1, list: [...open].toSorted((a, b) => a - b) });
    }
    const { begin, end } = edge(at);
    for (const index of end) open.delete(index);
    for (const index of begin) open.add(index);
    from = at;
  }
  return portions;
}
