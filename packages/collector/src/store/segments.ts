import type { Slots } from "../query/plan.ts";
import type { Coverage } from "./coverage.ts";
import { ceilTo, floorTo } from "./partitions.ts";
import { finerThan, type RolledTier, type SumTier, UNITS } from "./sum-tiers.ts";

/** Rows of one tier from `from` on, before `to`; in seconds. */
export interface Segment {
  readonly tier: SumTier;
  readonly from: number;
  readonly to: number;
}

/** More slots that a coarser row would lie across are read as finely as they are asked for. */
const MOST_SPANS = 4;

/**
 * Where to read what slots ask for: whole hours, ten minutes and minutes from their roll-ups, what is left over at the edges and what is not rolled up
 * yet from finer rows, and from coarser ones where the finer are gone. In the order of time; no moment is read twice.
 */
export function segmentsOf(slots: Slots, coverage: Coverage): readonly Segment[] {
  const start = Math.floor(slots.start / 1000);
  return cover("hour", start, start + stepOf(slots) * slots.count);

  function cover(tier: SumTier, from: number, to: number): readonly Segment[] {
    if (from >= to) return [];
    if (tier === "fine") return [{ tier, from, to }];
    const finer = finerThan(tier);
    const gone = Math.min(to, Math.max(from, coverage.from[finer]));
    const spans = spansOf(slots, UNITS[tier]).map((span) => ({
      ...span,
      from: Math.max(gone, span.from),
      to: Math.min(to, span.to),
    }));
    return [...segment(tier, from, gone), ...spans.flatMap((span) => within(tier, finer, span))];
  }

  function within(tier: RolledTier, finer: SumTier, { from, to, isWhole }: Span): readonly Segment[] {
    const first = isWhole ? ceilTo(from, UNITS[tier]) : to;
    const last = isWhole ? floorTo(Math.min(to, coverage.until[tier]), UNITS[tier]) : to;
    if (first >= last) return cover(finer, from, to);
    return [...cover(finer, from, first), ...segment(tier, first, last), ...cover(finer, last, to)];
  }
}

/** A stretch of time. */
interface Span {
  readonly from: number;
  readonly to: number;
  /** No row of the tier within it is in two slots. */
  readonly isWhole: boolean;
}

function spansOf(slots: Slots, unit: number): readonly Span[] {
  const [start, step, { count }] = [Math.floor(slots.start / 1000), stepOf(slots), slots];
  const end = start + step * count;
  if (count === 1 || (start % unit === 0 && step % unit === 0)) return [{ from: start, to: end, isWhole: true }];
  if (count > MOST_SPANS) return [{ from: start, to: end, isWhole: false }];
  return Array.from({ length: count }, (_, index) => ({
    from: start + index * step,
    to: start + (index + 1) * step,
    isWhole: true,
  }));
}

function stepOf({ milliseconds }: Slots): number {
  return Math.round(milliseconds / 1000);
}

function segment(tier: SumTier, from: number, to: number): Segment[] {
  return from < to ? [{ tier, from, to }] : [];
}
