import { afterEach, describe, expect, test } from "vitest";
import type { FlowStore, TierSettings } from "../../store/store.ts";
import { TEN_O_CLOCK } from "../made-traffic.ts";
import { countSuite } from "./counts.ts";
import { dropSuite } from "./drops.ts";
import { fill, type SuiteStores } from "./parties.ts";
import { randomQuestions } from "./random-questions.ts";
import { samplesSuite } from "./samples.ts";
import { streamSuite } from "./streams.ts";
import { sumsSuite } from "./sums.ts";
import { tenantSuite } from "./tenants.ts";
import { timeSuite } from "./time.ts";

const HOUR = 3_600_000;
export const SUITE_TIERS: TierSettings = {
  fine: { seconds: 10, retention: HOUR },
  minute: { seconds: 60, retention: 24 * HOUR },
  hour: { seconds: 3600, retention: 240 * HOUR },
  samples: HOUR / 2,
};

/** How a back end is made, empty, with {@link SUITE_TIERS}. */
export type OpenFlowStore = () => Promise<FlowStore>;

/** What every back end has to do. */
export function flowStoreSuite(open: OpenFlowStore): void {
  const opened: FlowStore[] = [];
  const opening = async (): Promise<FlowStore> => {
    const store = await open();
    opened.push(store);
    return store;
  };
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });

  const filled = async (): Promise<FlowStore> => await fill(await opening());
  const stores: SuiteStores = { opening, filled };

  sumsSuite(stores);
  tenantSuite(stores);
  timeSuite(stores);
  samplesSuite(stores);
  streamSuite(stores);
  countSuite(stores);
  dropSuite(stores);

  describe("its state", () => {
    test("says what was taken, and up to when", async () => {
      const store = await filled();
      expect(store.state()).toMatchObject({
        failing: undefined,
        taken: { windows: 2, rows: 7, samples: 0 },
        lost: { windows: 0, rows: 0, samples: 0 },
        newest: TEN_O_CLOCK + 20_000,
      });
    });

    test("closing twice is no error", async () => {
      const store = await opening();
      await store.close();
      await store.close();
    });
  });

  randomQuestions(stores, SUITE_TIERS);
}
