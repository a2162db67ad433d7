import type { EndField, FilterValue, PacketField } from "@holdfast/flow";

/** What a row of traffic has, without anybody's view of it. */
export type Column = `${"source" | "destination"}.${EndField}` | PacketField;

/** What a row is counted under, or compared by. */
export type Expression =
  /** Null where the column has no value, and where `when` does not hold: then the value is not for whoever asks. */
  | { readonly kind: "column"; readonly column: Column; readonly when?: Predicate }
  | { readonly kind: "constant"; readonly value: string };

/** Whether a row is meant. There is no "unknown": what has no value is not equal to anything but `absent`. */
export type Predicate =
  | { readonly kind: "all"; readonly of: readonly Predicate[] }
  | { readonly kind: "any"; readonly of: readonly Predicate[] }
  | { readonly kind: "not"; readonly of: Predicate }
  /** Of a column with several values (groups): one of them is. */
  | { readonly kind: "is"; readonly of: Expression; readonly values: readonly FilterValue[] };

/** One way to look at rows. A row is counted under the keys of every part whose `where` holds for it; under each of its groups if a key is that. */
export interface PlanPart {
  readonly where: Predicate;
  readonly keys: readonly Expression[];
}

/** Equal spans of time, one behind the other. */
export interface Slots {
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly milliseconds: number;
  readonly count: number;
}

export type Measure = "bytes" | "packets";

/**
 * A question about sums, as back ends get it. It has nothing of tenants, roles and names of fields any more: a back end can give nobody what is not
 * for him, if only it does what the plan says.
 */
export interface SumPlan {
  readonly slots: Slots;
  /** None: only totals are asked for. */
  readonly parts: readonly PlanPart[];
  /** Sums of their own, a row once at most in each. */
  readonly totals: readonly Predicate[];
  readonly measure: Measure;
  /** So many groups are told, those with the most; the others become one. */
  readonly limit: number;
  /** By which slots groups are compared: all of them, or the last alone. */
  readonly ranked: "all" | "last";
}

/** Sums over samples. */
export interface Sum {
  /** Estimated. */
  packets: number;
  /** Estimated. */
  bytes: number;
  samples: number;
  /** Of the samples, those that stand for one packet each. */
  exact: number;
}

export type KeyValue = string | number | boolean | null;

export interface Group {
  readonly key: readonly KeyValue[];
  /** One for each slot. */
  readonly slots: readonly Sum[];
}

export interface SumAnswer {
  /** Those with the most first; equal ones in the order of their keys. */
  readonly groups: readonly Group[];
  /** All groups that are not told, together. */
  readonly other: { readonly groups: number; readonly slots: readonly Sum[] };
  /** In the plan's order, one sum for each slot. */
  readonly totals: readonly (readonly Sum[])[];
}

/** A question about single sampled packets. */
export interface SamplePlan {
  /** Milliseconds since 1970; `to` is not included. */
  readonly from: number;
  readonly to: number;
  readonly where: Predicate;
  readonly columns: readonly Expression[];
  readonly limit: number;
}

/** One sampled packet, with the values of the plan's columns; groups are a list. */
export interface SampleAnswer extends SamplePacket {
  readonly values: readonly (KeyValue | readonly string[])[];
}

/** What a sampled packet says of itself. */
export interface SamplePacket {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly tcpFlags?: number;
  readonly bytes: number;
  readonly rate: number;
}

export function noSum(): Sum {
  return { packets: 0, bytes: 0, samples: 0, exact: 0 };
}

/** Adds to `sum` in place. */
export function addTo(sum: Sum, more: Sum): void {
  sum.packets += more.packets;
  sum.bytes += more.bytes;
  sum.samples += more.samples;
  sum.exact += more.exact;
}

export const ALWAYS: Predicate = { kind: "all", of: [] };
export const NEVER: Predicate = { kind: "any", of: [] };
