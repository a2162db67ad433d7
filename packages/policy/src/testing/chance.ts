/** Chance that a seed repeats. */
export interface Chance {
  /** From 0 to `below - 1`. */
  number(below: number): number;
  /** True in one of so many. */
  oneIn(times: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** Some, in their order. */
  some<T>(list: readonly T[], most: number): T[];
}

/** Mulberry32. */
export function createChance(seed: number): Chance {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const number = (below: number) => Math.floor(next() * below);
  const pick = <T>(list: readonly T[]): T => {
    if (list.length === 0) throw new TypeError("bug: nothing to pick from");
    return list[number(list.length)] as T;
  };
  const some = <T>(list: readonly T[], most: number): T[] => {
    const count = number(Math.min(most, list.length) + 1);
    const chosen = new Set(Array.from({ length: count }, () => number(list.length)));
    return list.filter((_, index) => chosen.has(index));
  };
  return { number, oneIn: (times) => number(times) === 0, pick, some };
}
