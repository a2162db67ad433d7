import { afterEach, beforeEach, describe } from "vitest";
import type { Store } from "../store.ts";
import { commits } from "./store-commits.ts";
import { compaction } from "./store-compaction.ts";
import type { ComplianceContext } from "./store-context.ts";
import type { StoreHarness } from "./store-harness.ts";
import { leases } from "./store-leases.ts";
import { lifetime } from "./store-lifetime.ts";
import { storeProperties } from "./store-properties.ts";
import { reads } from "./store-reads.ts";
import { watches } from "./store-watches.ts";

export interface ComplianceOptions {
  /** A short lease that the store can grant, in milliseconds. Default 1000. */
  readonly leaseMilliseconds?: number;
  /** How many random programs are tried. Default 50; fewer for a store that takes long to open. */
  readonly programs?: number;
}

/** What every {@link Store} does, sentence by sentence. `open` gives an empty one. */
export function storeCompliance(
  name: string,
  open: () => Promise<StoreHarness>,
  options: ComplianceOptions = {},
): void {
  describe(`${name} as a store`, () => {
    let harness: StoreHarness;
    let store: Store;
    beforeEach(async () => {
      harness = await open();
      store = harness.store;
    });
    afterEach(() => harness.dispose());

    const context: ComplianceContext = {
      harness: () => harness,
      store: () => store,
      ttl: options.leaseMilliseconds ?? 1000,
    };
    reads(context);
    commits(context);
    watches(context);
    compaction(context);
    leases(context);
    lifetime(context);
  });
  storeProperties(name, open, options);
}
