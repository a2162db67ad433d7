/** Repeatable chance: the same seed gives the same numbers, each at least 0 and less than 1 (the generator mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of several things. */
export function pick<T>(random: () => number, things: readonly T[]): T | undefined {
  return things[Math.floor(random() * things.length)];
}
