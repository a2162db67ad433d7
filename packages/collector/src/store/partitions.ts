import type { TierSettings } from "./store.ts";
import type { SumTier } from "./sum-tiers.ts";

/** Rows of one kind and one span of time are a table of their own, so that they go by dropping it. */
export type PartitionKind = SumTier | "samples" | "ends" | "counts" | "drops";

const MINUTE = 60;
const HOUR = 3600;
const DAY = 24 * HOUR;

/** Seconds that a table spans, counted from 1970 on. */
export const SPANS: Readonly<Record<PartitionKind, number>> = {
  fine: HOUR,
  minute: DAY,
  tens: DAY,
  hour: 30 * DAY,
  samples: 10 * MINUTE,
  // Rolled-up rows of a day speak of the ends of that day.
  ends: DAY,
  counts: DAY,
  drops: DAY,
};

export interface Partition {
  readonly kind: PartitionKind;
  /** Seconds since 1970. */
  readonly start: number;
}

/** The table that a moment, in seconds, is in. */
export function partitionOf<K extends PartitionKind>(kind: K, moment: number): Partition & { readonly kind: K } {
  return { kind, start: floorTo(moment, SPANS[kind]) };
}

/** Things by the tables that their moments, in milliseconds, are in. */
export function byPartition<K extends PartitionKind, T>(
  kind: K,
  things: Iterable<T>,
  momentOf: (thing: T) => number,
): readonly (readonly [Partition & { readonly kind: K }, readonly T[]])[] {
  const parts = Map.groupBy(things, (thing) => partitionOf(kind, momentOf(thing) / 1000).start);
  return [...parts].map(([start, part]) => [{ kind, start }, part]);
}

export function tableName({ kind, start }: Partition): string {
  return `${kind}_${start}`;
}

/** Undefined: the table is none of these. */
export function partitionNamed(table: string): Partition | undefined {
  const [, kind, start] = /^([a-z]+)_(\d+)$/.exec(table) ?? [];
  if (kind === undefined || !Object.hasOwn(SPANS, kind)) return undefined;
  return { kind: kind as PartitionKind, start: Number(start) };
}

export function endOf({ kind, start }: Partition): number {
  return start + SPANS[kind];
}

/** Whether nothing of it has to be kept any more. @param now in milliseconds */
export function isExpired(partition: Partition, tiers: TierSettings, now: number): boolean {
  return endOf(partition) * 1000 <= now - retentionOf(partition.kind, tiers);
}

function retentionOf(kind: PartitionKind, tiers: TierSettings): number {
  if (kind === "samples") return tiers.samples;
  if (kind === "tens" || kind === "counts" || kind === "drops") return tiers.minute.retention;
  if (kind !== "ends") return tiers[kind].retention;
  return Math.max(tiers.fine.retention, tiers.minute.retention, tiers.hour.retention, tiers.samples);
}

export function floorTo(moment: number, unit: number): number {
  return Math.floor(moment / unit) * unit;
}

export function ceilTo(moment: number, unit: number): number {
  return Math.ceil(moment / unit) * unit;
}
