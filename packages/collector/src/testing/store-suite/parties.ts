import type { FlowStore } from "../../store/store.ts";
import { container, nobody, outside, TEN_O_CLOCK, traffic, windowOf } from "../made-traffic.ts";

/** Makes stores, empty or with the traffic of two windows; closes them after each test. */
export interface SuiteStores {
  opening(): Promise<FlowStore>;
  filled(): Promise<FlowStore>;
}

export const redis = container("shop/web/redis-0", "10.20.0.7", { groups: ["all", "cache"] });
export const api = container("shop/web/api-1", "10.20.0.8", { groups: ["all"] });
export const teller = container("bank/web/redis-0", "10.20.0.7", { node: "node-2" });
export const office = outside("192.0.2.5", "office");

/** Takes two windows, in which everybody of this file sends something. */
export async function fill(store: FlowStore): Promise<FlowStore> {
  await store.take(
    windowOf(TEN_O_CLOCK, [
      traffic(api, redis, { bytes: 4000, servicePort: 6379, samples: 4 }),
      traffic(redis, api, { bytes: 900, servicePort: 6379, samples: 2, exactSamples: 2 }),
      traffic(api, office, { bytes: 500 }),
    ]),
  );
  await store.take(
    windowOf(TEN_O_CLOCK + 10_000, [
      traffic(teller, office, { bytes: 70 }),
      traffic(teller, api, { bytes: 30, verdict: "denied" }),
      traffic(nobody("10.20.0.99"), api, { bytes: 7 }),
      traffic(api, redis, { bytes: 100_000, isCounted: false, vantage: "tunnel" }),
    ]),
  );
  return store;
}
