import type { Store } from "../store.ts";
import type { StoreHarness } from "./store-harness.ts";

/** What each part of the compliance suite is given; `harness` and `store` are those of the running test. */
export interface ComplianceContext {
  harness(): StoreHarness;
  store(): Store;
  /** A short lease that the store can grant, in milliseconds. */
  readonly ttl: number;
}
