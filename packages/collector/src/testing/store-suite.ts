import { seededRandom } from "@holdfast/core/testing";
import { parseTrafficFilter, trafficField } from "@holdfast/flow";
import { afterEach, describe, expect, test } from "vitest";
import type { SumPlan } from "../query/plan.ts";
import { planQuestion, UNATTRIBUTED, withTenants } from "../query/planner.ts";
import type { FlowStore, TierSettings } from "../store/store.ts";
import { container, nobody, outside, sampled, TEN_O_CLOCK, traffic, windowOf } from "./made-traffic.ts";
import { createMemoryStore } from "./memory-store.ts";
import { pick, type Random, randomField, randomFilter, randomWindows } from "./random-traffic.ts";

const HOUR = 3_600_000;
export const SUITE_TIERS: TierSettings = {
  fine: { seconds: 10, retention: HOUR },
  minute: { seconds: 60, retention: 24 * HOUR },
  hour: { seconds: 3600, retention: 240 * HOUR },
  samples: HOUR / 2,
};

/** How a back end is made, empty, with {@link SUITE_TIERS}. */
export type OpenFlowStore = () => Promise<FlowStore>;

interface Asking {
  readonly by?: readonly string[];
  readonly filter?: string;
  readonly tenant?: string;
  readonly limit?: number;
  readonly slots?: SumPlan["slots"];
  readonly ranked?: SumPlan["ranked"];
}

const MINUTES = (count: number) => ({ start: TEN_O_CLOCK, milliseconds: count * 60_000, count: 1 });

export function sumPlan({
  by = [],
  filter = "",
  tenant,
  limit = 10,
  slots = MINUTES(10),
  ranked = "all",
}: Asking): SumPlan {
  const fields = withTenants(by.map((name) => trafficField(name) as NonNullable<ReturnType<typeof trafficField>>));
  const { parts, asked } = planQuestion({ by: fields, filter: parseTrafficFilter(filter), tenant });
  return { slots, parts, totals: [asked, UNATTRIBUTED], measure: "bytes", limit, ranked };
}

const redis = container("shop/web/redis-0", "10.20.0.7", { groups: ["all", "cache"] });
const api = container("shop/web/api-1", "10.20.0.8", { groups: ["all"] });
const teller = container("bank/web/redis-0", "10.20.0.7", { node: "node-2" });
const office = outside("192.0.2.5", "office");

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

  async function filled(): Promise<FlowStore> {
    const store = await opening();
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

  const bytesOf = async (store: FlowStore, asking: Asking): Promise<unknown> =>
    (await store.sums(sumPlan(asking))).groups.map(({ key, slots }) => [...key, ...slots.map(({ bytes }) => bytes)]);

  describe("sums", () => {
    test("a container has what it sends and what it gets, and a packet between two is once in the total", async () => {
      const answer = await (await filled()).sums(sumPlan({ by: ["identity", "direction"] }));
      expect(answer.groups.map(({ key, slots }) => [...key, slots[0]?.bytes])).toEqual([
        ["shop", "api-1", "egress", 4500],
        ["shop", "redis-0", "ingress", 4000],
        ["shop", "api-1", "ingress", 937],
        ["shop", "redis-0", "egress", 900],
        ["bank", "redis-0", "egress", 100],
      ]);
      expect(answer.totals.map(([sum]) => sum?.bytes)).toEqual([5507, 7]);
    });

    test("samples are told beside the estimates, and how many of them are exact", async () => {
      const answer = await (await filled()).sums(
        sumPlan({ by: ["identity"], filter: "identity=redis-0", tenant: "shop" }),
      );
      expect(answer.groups).toEqual([
        { key: ["shop", "redis-0"], slots: [{ packets: 20, bytes: 4900, samples: 6, exact: 2 }] },
      ]);
    });

    test("what was sampled once more on its way is in no sum", async () => {
      const answer = await (await filled()).sums(sumPlan({ filter: "identity=redis-0 service=80", tenant: "shop" }));
      expect(answer.totals[0]?.[0]?.bytes).toBe(0);
    });

    test("those with the least become one", async () => {
      const answer = await (await filled()).sums(sumPlan({ by: ["source.identity"], limit: 1 }));
      expect(answer.groups).toMatchObject([{ key: ["shop", "api-1"] }]);
      expect(answer.other).toEqual({ groups: 3, slots: [{ packets: 40, bytes: 1007, samples: 5, exact: 2 }] });
    });

    test("a container is in each of its groups, and once in the total", async () => {
      const store = await filled();
      expect(await bytesOf(store, { by: ["group"], filter: "service=6379 direction=ingress" })).toEqual([
        ["shop", "all", 4900],
        ["shop", "cache", 4000],
      ]);
      expect(await bytesOf(store, { by: ["group", "peer.group"], filter: "direction=ingress service=6379" })).toEqual([
        ["shop", "all", "shop", "all", 4900],
        ["shop", "cache", "shop", "all", 4000],
        ["shop", "all", "shop", "cache", 900],
      ]);
      const answer = await store.sums(sumPlan({ by: ["group"], filter: "service=6379 direction=ingress" }));
      expect(answer.totals[0]?.[0]?.bytes).toBe(4900);
    });

    test("what has no value is a group of its own, behind equals", async () => {
      expect(await bytesOf(await filled(), { by: ["peer.prefix"], filter: "identity=api-1 direction=egress" })).toEqual(
        [
          [null, 4000],
          ["office", 500],
        ],
      );
    });

    test.each([
      ["", 5507],
      ["identity=redis-0", 5000],
      ["identity=redis-0 tenant=bank", 100],
      ["identity=redis-* peer.identity=api-*", 4930],
      ["identity!=redis-0", 5437],
      ["not (identity=redis-0 or peer.identity=redis-0)", 507],
      ["source.identity=-", 7],
      ["group=cache", 4900],
      ["group=-", 100],
      ["address=10.20.0.0/29", 5000],
      ["destination.address=192.0.2.5", 570],
      ["service=6000-7000", 4900],
      ["service=80 protocol=tcp", 607],
      ["verdict=denied", 30],
      ["verdict!=denied", 5477],
      ["attributed=false", 7],
      ["exporter=192.168.50.11", 5507],
      ["exporter=192.168.50.12", 0],
      ["direction=egress source.tenant=bank", 100],
      ["node=node-2", 100],
      ["vlan=-", 5507],
    ])("%s", async (filter, bytes) => {
      const answer = await (await filled()).sums(sumPlan({ filter }));
      expect(answer.totals[0]?.[0]?.bytes).toBe(bytes);
    });

    test("slots begin and end sharply", async () => {
      const slots = { start: TEN_O_CLOCK, milliseconds: 10_000, count: 3 };
      const answer = await (await filled()).sums(sumPlan({ by: ["source.tenant"], slots }));
      expect(answer.groups.map(({ key, slots: of }) => [...key, ...of.map(({ bytes }) => bytes)])).toEqual([
        ["shop", 5400, 0, 0],
        ["bank", 0, 100, 0],
        [null, 0, 7, 0],
      ]);
    });

    test("the last slot alone may say who is first", async () => {
      const slots = { start: TEN_O_CLOCK, milliseconds: 10_000, count: 2 };
      expect(await bytesOf(await filled(), { by: ["source.tenant"], slots, ranked: "last", limit: 1 })).toEqual([
        ["bank", 0, 100],
      ]);
    });

    test("of a store without traffic: nothing", async () => {
      const answer = await (await opening()).sums(sumPlan({ by: ["identity"] }));
      expect(answer).toMatchObject({ groups: [], other: { groups: 0 }, totals: [[{ bytes: 0 }], [{ bytes: 0 }]] });
    });
  });

  describe("a tenant", () => {
    test("sees his own containers, and of another's only the address", async () => {
      const store = await filled();
      expect(await bytesOf(store, { by: ["identity"], tenant: "bank" })).toEqual([["bank", "redis-0", 100]]);
      expect(await bytesOf(store, { by: ["identity", "peer.identity", "peer.address"], tenant: "shop" })).toEqual([
        ["shop", "api-1", "shop", "redis-0", "10.20.0.7", 4900],
        ["shop", "redis-0", "shop", "api-1", "10.20.0.8", 4900],
        ["shop", "api-1", null, null, "192.0.2.5", 500],
        ["shop", "api-1", null, null, "10.20.0.7", 30],
        ["shop", "api-1", null, null, "10.20.0.99", 7],
      ]);
    });

    test.each([
      "peer.tenant=bank",
      "peer.identity=redis-0 verdict=denied",
      "peer.node=node-2",
      "source.endpoint=ep-bank-*",
      "exporter=192.168.50.11",
      "vlan!=-",
    ])("learns nothing of another by the filter %s", async (filter) => {
      const answer = await (await filled()).sums(sumPlan({ by: ["identity"], filter, tenant: "shop" }));
      expect(answer.totals[0]?.[0]?.bytes).toBe(0);
    });

    test.each([[[]], [["source.identity"]], [["identity"]], [["protocol"]], [["peer.address", "direction"]]])(
      "has a total of its own traffic by %j",
      async (by) => {
        const answer = await (await filled()).sums(sumPlan({ by, tenant: "bank" }));
        expect(answer.totals[0]?.[0]?.bytes).toBe(100);
      },
    );
  });

  describe("as time goes on", () => {
    test("hours of windows are the same sums as at once, and ranges begin and end where they did", async () => {
      const store = await opening();
      for (let index = 0; index < 400; index++) {
        await store.take(windowOf(TEN_O_CLOCK + index * 10_000, [traffic(api, redis, { bytes: index })]));
      }
      const slots = { start: TEN_O_CLOCK + 3_470_000, milliseconds: 130_000, count: 2 };
      // Windows 347 to 359 and 360 to 372.
      const answer = await store.sums(sumPlan({ by: ["source.identity"], slots }));
      expect(answer.groups.map(({ slots: of }) => of.map(({ bytes }) => bytes))).toEqual([[4589, 4758]]);
    });

    test("a window that comes in two parts is whole, also when its minute is over by then", async () => {
      const store = await opening();
      for (const second of [50, 50, 60, 70]) {
        await store.take(windowOf(TEN_O_CLOCK + second * 1000, [traffic(api, redis)]));
      }
      const answer = await store.sums(sumPlan({ slots: MINUTES(1) }));
      expect(answer.totals[0]?.[0]?.bytes).toBe(2000);
    });

    test("what is older than every retention is gone, and what is younger is there", async () => {
      const store = await opening();
      const days = (count: number): number => TEN_O_CLOCK + count * 24 * HOUR;
      await store.take(windowOf(days(0), [traffic(api, redis)], [sampled(traffic(api, redis), days(0))]));
      await store.take(windowOf(days(9), [traffic(api, redis, { bytes: 5 })]));
      await store.take(windowOf(days(60), [traffic(api, redis, { bytes: 3 })]));
      const span = (from: number, count: number) => ({ start: days(from), milliseconds: 24 * HOUR * count, count: 1 });
      const total = async (from: number, count: number) =>
        (await store.sums(sumPlan({ slots: span(from, count) }))).totals[0]?.[0]?.bytes;
      expect([await total(0, 1), await total(60, 1)]).toEqual([0, 3]);
      expect(await store.samples(samplePlan({ from: days(0), to: days(60) }))).toEqual([]);
    });
  });

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

  test.each([1, 2, 3])("answers any question as the plain one does, seed %i", { timeout: 60_000 }, async (seed) => {
    const random = seededRandom(seed);
    const [store, plain] = [await opening(), createMemoryStore(SUITE_TIERS)];
    for (const window of randomWindows(random, 45)) {
      await store.take(window);
      await plain.take(window);
    }
    for (let count = 0; count < 40; count++) {
      const plan = randomPlan(random);
      expect(await store.sums(plan), JSON.stringify(plan)).toEqual(await plain.sums(plan));
      const [part] = plan.parts;
      const samples = {
        from: TEN_O_CLOCK,
        to: TEN_O_CLOCK + 300_000,
        where: plan.totals[0],
        columns: part?.keys ?? [],
        limit: 20,
      };
      expect(sorted(await store.samples(samples as never))).toEqual(sorted(await plain.samples(samples as never)));
    }
  });
}

function sorted(list: readonly { readonly at: number }[]): readonly unknown[] {
  return [...list].sort((a, b) => b.at - a.at || (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function randomPlan(random: Random): SumPlan {
  const by = Array.from({ length: Math.floor(random() * 4) }, () => randomField(random));
  const tenant = pick(random, [undefined, "shop", "bank"]);
  const { parts, asked } = planQuestion({ by: withTenants(by), filter: randomFilter(random), tenant });
  const milliseconds = pick(random, [10_000, 60_000, 120_000]);
  return {
    slots: { start: TEN_O_CLOCK + pick(random, [-60_000, 0, 30_000]), milliseconds, count: pick(random, [1, 2, 5]) },
    parts,
    totals: [asked, UNATTRIBUTED],
    measure: pick(random, ["bytes", "packets"] as const),
    limit: pick(random, [1, 3, 100]),
    ranked: pick(random, ["all", "last"] as const),
  };
}

function samplePlan({
  by = [],
  filter = "",
  tenant,
  from = TEN_O_CLOCK,
  to = TEN_O_CLOCK + 10_000,
  limit = 10,
}: Asking & { readonly from?: number; readonly to?: number }) {
  const fields = by.map((name) => trafficField(name) as NonNullable<ReturnType<typeof trafficField>>);
  const { parts, asked } = planQuestion({ by: fields, filter: parseTrafficFilter(filter), tenant });
  return { from, to, where: asked, columns: parts[0]?.keys ?? [], limit };
}
