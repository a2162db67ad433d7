import type { Clock, Logger } from "@holdfast/core";
import type { FlowExport } from "@holdfast/model";
import type { Store } from "@holdfast/store";
import type { Pools } from "./claims/pools.ts";
import type { Quotas } from "./networks/quotas.ts";
import type { UsageCounts } from "./networks/usage-counts.ts";
import type { Liveness } from "./nodes/liveness.ts";
import type { Changer } from "./state/change.ts";
import type { Idempotency } from "./state/idempotency.ts";
import type { State } from "./state/state.ts";

/** Numbers that the noun's rules depend on. */
export interface Rules {
  readonly vlanRange: SegmentRange;
  readonly vxlanRange: SegmentRange;
  /** Milliseconds for which an endpoint may stay `reserved`. */
  readonly reservationTimeout: number;
  /** Whether policies are taken that are to be enforced. Absent: only staged ones. */
  readonly enforcePolicies?: boolean;
  /** How switches of nodes export sFlow. Absent: nothing is said of it. */
  readonly flowExport?: FlowExport;
}

/** Both included. */
export interface SegmentRange {
  readonly first: number;
  readonly last: number;
}

/** What the services of all nouns stand on. */
export interface Platform {
  readonly store: Store;
  readonly state: State;
  readonly changer: Changer;
  readonly idempotency: Idempotency;
  readonly pools: Pools;
  readonly counts: UsageCounts;
  readonly quotas: Quotas;
  readonly liveness: Liveness;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly rules: Rules;
}

/** The time for records: RFC 3339 in UTC. */
export function timestamp(clock: Clock): string {
  return clock.now().toISOString();
}
