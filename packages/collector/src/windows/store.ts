import type { WindowSink } from "./traffic.ts";

/** What keeps windows, and says of itself how well. */
export interface WindowStore extends WindowSink {
  /** E.g. `"duckdb"`. */
  readonly kind: string;
  /** One sentence for people: what it keeps and what it gives up. */
  readonly description: string;
}

/** Keeps nothing: traffic is added up for the status and forgotten. */
export const noStore: WindowStore = {
  kind: "none",
  description: "Windows are added up for this status and forgotten; nothing outlives the process.",
  take: () => Promise.resolve(),
};
