import { floorTo, isExpired, type Partition } from "./partitions.ts";
import type { TierSettings } from "./store.ts";
import { ROLLED_TIERS, type RolledTier, SUM_TIERS, type SumTier, UNITS } from "./sum-tiers.ts";

/** What of each tier there is; in seconds. */
export interface Coverage {
  /** First moment of which there may be rows of this tier or a finer one. Infinity: none. */
  readonly from: Readonly<Record<SumTier, number>>;
  /** End of what has been rolled up. */
  readonly until: Readonly<Record<RolledTier, number>>;
}

/** How far each tier is rolled up, in seconds. Undefined: no window was ever taken. */
export type Progress = ReadonlyMap<RolledTier, number>;

export function coverageOf(known: ReadonlyMap<string, Partition>, progress: Progress): Coverage {
  const partitions = [...known.values()];
  const firstOf = (kinds: readonly string[]): number =>
    partitions.reduce((least, { kind, start }) => (kinds.includes(kind) ? Math.min(least, start) : least), Infinity);
  const from = SUM_TIERS.map((tier, index) => [tier, firstOf(SUM_TIERS.slice(0, index + 1))] as const);
  const until = ROLLED_TIERS.map((tier) => [tier, progress.get(tier) ?? 0] as const);
  return {
    from: Object.fromEntries(from) as Record<SumTier, number>,
    until: Object.fromEntries(until) as Record<RolledTier, number>,
  };
}

/** Whole units of a tier, in seconds. */
export interface Units {
  readonly from: number;
  readonly until: number;
}

/** What is to be rolled up of a tier between two moments, up to the last whole unit; none when there is none yet. */
export function unitsBetween(tier: RolledTier, since: number, end: number): Units {
  const from = floorTo(since, UNITS[tier]);
  return { from, until: Math.max(from, floorTo(end, UNITS[tier])) };
}

/** Names of those of which nothing has to be kept any more. @param now in milliseconds */
export function expiredOf(known: ReadonlyMap<string, Partition>, tiers: TierSettings, now: number): readonly string[] {
  return [...known].filter(([, partition]) => isExpired(partition, tiers, now)).map(([name]) => name);
}
