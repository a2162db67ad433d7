import type { WindowSink } from "./traffic.ts";

/** What keeps windows, and says of itself how well. */
export interface WindowStore extends WindowSink {
  /** E.g. `"duckdb"`. */
  readonly kind: string;
  /** One sentence for people: what it keeps and what it gives up. */
  readonly description: string;
  /**
   * The checkpoint of the last window that it took of a stream, kept with the window: both or neither. Undefined: none. Absent: it cannot tell, and
   * may have windows twice after a crash.
   *
   * @throws HoldfastError `unavailable` when it cannot be asked now
   */
  checkpoint?(stream: string): Promise<string | undefined>;
}

/** Keeps nothing: traffic is added up for the status and forgotten. */
export const noStore: WindowStore = {
  kind: "none",
  description: "Windows are added up for this status and forgotten; nothing outlives the process.",
  take: () => Promise.resolve(),
};
