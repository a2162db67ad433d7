import { HoldfastError } from "@holdfast/core";

const HIGHEST = 60_000;
/** What none of a list's rules matches; below all of them. */
export const AFTER_ALL_RULES = 1;
const MOST = HIGHEST - AFTER_ALL_RULES;

/** Between two rules at first, so that others fit in without moving them. */
const WIDEST_GAP = 64;

/**
 * A priority for each of the keys, the first highest. Those that have one keep it where the order and the room between them allow, so that an edited rule
 * does not move the flows of all the others.
 *
 * @throws HoldfastError `invalid_argument`: there are more rules than priorities.
 */
export function assignPriorities(
  keys: readonly string[],
  before: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  if (keys.length >= MOST) {
    throw new HoldfastError("invalid_argument", `${keys.length} rules of one program are more than ${MOST - 1}`);
  }
  return fillIn(keys, stayingOf(keys, before)) ?? spreadOut(keys);
}

/** Of the keys that have a priority, the most that can keep it: a longest falling sequence. */
function stayingOf(keys: readonly string[], before: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const known = keys.flatMap((key) => {
    const priority = before.get(key);
    return priority === undefined ? [] : [{ key, priority }];
  });
  const previous: number[] = [];
  /** By length: the last of the sequence of that length that falls least. */
  const ends: number[] = [];
  for (const [index, { priority }] of known.entries()) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((known[ends[middle] ?? 0]?.priority ?? 0) > priority) low = middle + 1;
      else high = middle;
    }
    previous[index] = ends[low - 1] ?? -1;
    ends[low] = index;
  }
  const staying = new Map<string, number>();
  for (let index = ends.at(-1) ?? -1; index >= 0; index = previous[index] ?? -1) {
    const entry = known[index];
    if (entry !== undefined) staying.set(entry.key, entry.priority);
  }
  return staying;
}

/** Undefined when there is no room. */
function fillIn(
  keys: readonly string[],
  staying: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> | undefined {
  if (staying.size === 0) return undefined;
  const assigned = new Map<string, number>();
  let above = HIGHEST + 1;
  let waiting: string[] = [];
  const place = (below: number): boolean => {
    const gap = Math.min((above - below) / (waiting.length + 1), WIDEST_GAP);
    if (waiting.length > 0 && gap < 1) return false;
    // What comes last is put close to what it follows.
    for (const [index, key] of waiting.entries()) assigned.set(key, Math.floor(above - gap * (index + 1)));
    waiting = [];
    return true;
  };
  for (const key of keys) {
    const priority = staying.get(key);
    if (priority === undefined) {
      waiting.push(key);
      continue;
    }
    if (!place(priority)) return undefined;
    assigned.set(key, priority);
    above = priority;
  }
  return place(AFTER_ALL_RULES) ? assigned : undefined;
}

function spreadOut(keys: readonly string[]): ReadonlyMap<string, number> {
  const gap = Math.max(1, Math.min(WIDEST_GAP, Math.floor(HIGHEST / (keys.length + 1))));
  return new Map(keys.map((key, index) => [key, HIGHEST - (index + 1) * gap]));
}
