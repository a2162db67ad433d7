import { describe, expect, test } from "vitest";
import { bytesOf, sumPlan } from "./asking.ts";
import type { SuiteStores } from "./parties.ts";

/** Who sees what. */
export function tenantSuite({ filled }: SuiteStores): void {
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
}
