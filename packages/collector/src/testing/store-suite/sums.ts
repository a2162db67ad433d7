import { describe, expect, test } from "vitest";
import type { Sum } from "../../query/plan.ts";
import { TEN_O_CLOCK } from "../made-traffic.ts";
import { bytesOf, sumPlan } from "./asking.ts";
import type { SuiteStores } from "./parties.ts";

/** What sums are, by group and filter. */
export function sumsSuite({ opening, filled }: SuiteStores): void {
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

    test("of many slots, those with the least over all of them become one in each", async () => {
      const slots = { start: TEN_O_CLOCK, milliseconds: 10_000, count: 6 };
      const answer = await (await filled()).sums(sumPlan({ by: ["group"], slots, limit: 1 }));
      const bytes = (of: readonly Sum[] | undefined): unknown => of?.map((sum) => sum.bytes);
      expect(answer.groups.map(({ key }) => key)).toEqual([["shop", "all"]]);
      expect(bytes(answer.groups[0]?.slots)).toEqual([10_300, 37, 0, 0, 0, 0]);
      expect(answer.other.groups).toBe(2);
      expect(bytes(answer.other.slots)).toEqual([4900, 100, 0, 0, 0, 0]);
      expect(answer.totals.map(bytes)).toEqual([
        [5400, 107, 0, 0, 0, 0],
        [0, 7, 0, 0, 0, 0],
      ]);
    });

    test("of a store without traffic: nothing", async () => {
      const answer = await (await opening()).sums(sumPlan({ by: ["identity"] }));
      expect(answer).toMatchObject({ groups: [], other: { groups: 0 }, totals: [[{ bytes: 0 }], [{ bytes: 0 }]] });
    });
  });
}
