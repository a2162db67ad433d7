import { describe, expect, test } from "vitest";
import type { FlowStore } from "../../store/store.ts";
import { sampled, TEN_O_CLOCK, traffic, windowOf } from "../made-traffic.ts";
import { samplePlan } from "./asking.ts";
import { api, office, redis, type SuiteStores, teller } from "./parties.ts";

/** Sampled packets one by one. */
export function samplesSuite({ opening }: SuiteStores): void {
  describe("samples", () => {
    const at = TEN_O_CLOCK + 3000;

    async function withSamples(): Promise<FlowStore> {
      const store = await opening();
      await store.take(
        windowOf(
          TEN_O_CLOCK,
          [],
          [
            sampled(traffic(api, redis, { servicePort: 6379 }), at),
            sampled(traffic(teller, office), at + 2),
            sampled(traffic(teller, api), at + 1, { tcpFlags: 0x02 }),
          ],
        ),
      );
      return store;
    }

    test("the newest come first, with what the plan asks for", async () => {
      const found = await (await withSamples()).samples(
        samplePlan({ by: ["source.identity", "destination.group", "service"] }),
      );
      expect(found).toEqual([
        {
          at: at + 2,
          sourcePort: 40_000,
          destinationPort: 80,
          tcpFlags: 0x10,
          bytes: 100,
          rate: 10,
          values: ["redis-0", [], 80],
        },
        {
          at: at + 1,
          sourcePort: 40_000,
          destinationPort: 80,
          tcpFlags: 0x02,
          bytes: 100,
          rate: 10,
          values: ["redis-0", ["all"], 80],
        },
        {
          at,
          sourcePort: 40_000,
          destinationPort: 6379,
          tcpFlags: 0x10,
          bytes: 100,
          rate: 10,
          values: ["api-1", ["all", "cache"], 6379],
        },
      ]);
    });

    test("a range ends before its end, and a limit keeps the newest", async () => {
      const store = await withSamples();
      const times = async (asking: Parameters<typeof samplePlan>[0]) =>
        (await store.samples(samplePlan(asking))).map((one) => one.at);
      expect(await times({ from: at, to: at + 2 })).toEqual([at + 1, at]);
      expect(await times({ limit: 1 })).toEqual([at + 2]);
      expect(await times({ filter: "peer.identity=redis-0" })).toEqual([at + 1, at]);
    });

    test("a tenant sees his own", async () => {
      const found = await (await withSamples()).samples(
        samplePlan({ tenant: "shop", by: ["source.identity", "source.address", "destination.identity", "exporter"] }),
      );
      expect(found.map(({ values }) => values)).toEqual([
        [null, "10.20.0.7", "api-1", null],
        ["api-1", "10.20.0.8", "redis-0", null],
      ]);
    });
  });
}
