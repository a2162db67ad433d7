import type { FlowKey } from "@holdfast/model";

/** What an alarm sees of one of those that it tells apart. */
export interface Observation {
  /** Stays the same as long as it is the same one. */
  readonly id: string;
  readonly key: FlowKey;
  readonly value: number;
  /** How far the value may be from the truth, in percent of it. Absent: it is no estimate. */
  readonly errorPercent?: number;
}

/** What an alarm sees at a moment. */
export type Values =
  | {
      readonly kind: "known";
      readonly observations: readonly Observation[];
      /** What one has that is not among them; undefined: that is not known. */
      readonly absent: number | undefined;
    }
  | { readonly kind: "unknown"; readonly why: string };
