import { endOf, floorTo, type Partition, partitionOf, SPANS } from "./partitions.ts";
import { finerThan, type RolledTier, type SumTier } from "./sum-tiers.ts";

/** Rows to be added up into coarser ones. */
export interface RollUp {
  readonly from: SumTier;
  readonly into: Partition & { readonly kind: RolledTier };
  /** Seconds; whole units of the coarser tier. */
  readonly start: number;
  readonly end: number;
}

/** What has to be rolled up between two moments, table by table. */
export function rollUpsOf(into: RolledTier, since: number, until: number): readonly RollUp[] {
  const found: RollUp[] = [];
  for (let start = since; start < until; ) {
    const partition = partitionOf(into, start);
    const end = Math.min(until, endOf(partition));
    found.push({ from: finerThan(into), into: partition, start, end });
    start = end;
  }
  return found;
}

/** Tables that have rows from `start` on, before `end`. */
export function partitionsBetween(kind: Partition["kind"], start: number, end: number): readonly Partition[] {
  const found: Partition[] = [];
  for (let at = floorTo(start, SPANS[kind]); at < end; at += SPANS[kind]) found.push({ kind, start: at });
  return found;
}
