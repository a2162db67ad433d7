import type { CountedPort, CountPlan } from "../counters/counted.ts";
import type { DropPlan, DropSum } from "../drops/dropped.ts";
import type { SampleAnswer, SamplePlan, SumAnswer, SumPlan } from "../query/plan.ts";
import type { WindowStore } from "../windows/store.ts";

/** Where traffic is kept, and asked about. Every back end passes one suite (`testing/store-suite`). */
export interface FlowStore extends WindowStore, AsyncDisposable {
  /**
   * Sums of counted traffic. What is asked about before the first window that is kept is nothing, not an error.
   *
   * @throws HoldfastError `unavailable` when the store cannot be asked now
   */
  sums(plan: SumPlan): Promise<SumAnswer>;
  /** Sampled packets, the newest first. @throws HoldfastError `unavailable` when the store cannot be asked now */
  samples(plan: SamplePlan): Promise<readonly SampleAnswer[]>;
  /** What switches have counted at ports, of each port and owner once. @throws HoldfastError `unavailable` when the store cannot be asked now */
  counts(plan: CountPlan): Promise<readonly CountedPort[]>;
  /** What rules and guards have dropped, of each slot and key once. @throws HoldfastError `unavailable` when the store cannot be asked now */
  drops(plan: DropPlan): Promise<readonly DropSum[]>;
  /** What can be asked about, and how it goes. */
  state(): FlowStoreState;
  /** Throws away what is older than its retention; taking windows does it as well. */
  expire(now: number): Promise<void>;
  /** Closing twice is no error. */
  close(): Promise<void>;
}

/** How finely sums are kept for how long. */
export interface Tier {
  /** Length of its rows, e.g. 60. */
  readonly seconds: number;
  /** Milliseconds that they are kept at least. */
  readonly retention: number;
}

/** The tiers of a store, the finest first. The finest has windows as they come. */
export interface TierSettings {
  readonly fine: Tier;
  readonly minute: Tier;
  readonly hour: Tier;
  /** Milliseconds that single samples are kept at least. */
  readonly samples: number;
}

const HOUR = 3_600_000;

export const DEFAULT_TIERS: TierSettings = {
  fine: { seconds: 10, retention: 6 * HOUR },
  minute: { seconds: 60, retention: 7 * 24 * HOUR },
  hour: { seconds: 3600, retention: 400 * 24 * HOUR },
  samples: HOUR / 2,
};

export interface FlowStoreState {
  /** Why it takes nothing now; undefined: it does. */
  readonly failing: { readonly reason: string; readonly since: number } | undefined;
  /** Since it was opened. */
  readonly taken: Taken;
  /** Since it was opened: what it could not keep. */
  readonly lost: Taken;
  /** End of the newest window that it keeps, in milliseconds since 1970. Undefined: none yet. */
  readonly newest: number | undefined;
  /** Bytes on disk; 0: it keeps all in memory. */
  readonly bytes: number;
}

export interface Taken {
  windows: number;
  /** Of traffic, of what was counted at ports, and of what was dropped. */
  rows: number;
  samples: number;
}
