/** Rows of sums by their length, each rolled up from the one before it; `fine` are windows as they come. */
export const SUM_TIERS = ["fine", "minute", "tens", "hour"] as const;
export type SumTier = (typeof SUM_TIERS)[number];
/** Tiers that are rolled up. Ten minutes have some six times fewer rows than their minutes, which makes questions about an hour quick. */
export const ROLLED_TIERS = SUM_TIERS.slice(1) as readonly RolledTier[];
export type RolledTier = Exclude<SumTier, "fine">;

/** Seconds. */
export const UNITS: Readonly<Record<RolledTier, number>> = { minute: 60, tens: 600, hour: 3600 };

/** What the rows of a tier are made from. */
export function finerThan(tier: RolledTier): SumTier {
  return SUM_TIERS[SUM_TIERS.indexOf(tier) - 1] ?? "fine";
}
