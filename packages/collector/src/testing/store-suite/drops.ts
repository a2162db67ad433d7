import { describe, expect, test } from "vitest";
import { addUpDrops, type DropPlan, type Dropped, type DropSum } from "../../drops/dropped.ts";
import { TEN_O_CLOCK, windowOf } from "../made-traffic.ts";
import type { SuiteStores } from "./parties.ts";

const DAY = 24 * 3_600_000;

/** What a rule has dropped, seconds after ten o'clock. */
function dropped(second: number, more: Partial<Dropped> = {}): Dropped {
  const rule = { tenant: "shop", policy: "db", direction: "ingress", rule: "blocked" } as const;
  return { at: TEN_O_CLOCK + second * 1000, node: "node-1", ...rule, packets: 10, bytes: 600, ...more };
}

const isolated = { rule: undefined, policy: "it's db" };
const guard = { tenant: undefined, policy: undefined, direction: undefined, rule: undefined, guard: "mac" };
const DROPS = [
  dropped(1),
  dropped(2, { packets: 1, bytes: 2 ** 53 - 1000 }),
  dropped(3, { node: "node-2" }),
  dropped(11, isolated),
  dropped(12, { tenant: "bank" }),
  dropped(25, guard),
];

/** What rules and guards have dropped. */
export function dropSuite({ opening }: SuiteStores): void {
  describe("drops", () => {
    const slots = { start: TEN_O_CLOCK, milliseconds: 10_000, count: 3 };
    const inOrder = (sums: readonly DropSum[]): unknown[] =>
      sums.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

    test.each<[string, Partial<DropPlan>, number]>([
      ["are added up, each rule of each node by itself, slot by slot", {}, 5],
      ["of a tenant", { tenant: "shop" }, 3],
      ["of a policy with a quote in its name", { policy: "it's db" }, 1],
      ["of a node", { node: "node-2" }, 1],
      ["of one slot are those in it", { slots: { start: TEN_O_CLOCK + 2000, milliseconds: 9000, count: 1 } }, 2],
      ["of a day without any are none", { slots: { ...slots, start: TEN_O_CLOCK - 2 * DAY } }, 0],
    ])("%s", async (_, asked, keys) => {
      const store = await opening();
      await store.take({ ...windowOf(TEN_O_CLOCK, []), drops: DROPS.slice(0, 3) });
      await store.take({ ...windowOf(TEN_O_CLOCK + 20_000, []), drops: DROPS.slice(3) });
      const plan = { slots, ...asked };
      const answer = await store.drops(plan);
      expect(answer).toHaveLength(keys);
      expect(inOrder(answer)).toEqual(inOrder(addUpDrops(DROPS, plan)));
      expect(store.state().taken.rows).toBe(DROPS.length);
    });

    test("are kept for as long as minutes are", async () => {
      const store = await opening();
      for (const days of [0, 3]) {
        const window = windowOf(TEN_O_CLOCK + days * DAY, []);
        await store.take({ ...window, drops: [dropped(1 + days * 86_400)] });
      }
      const [all] = await store.drops({ slots: { start: TEN_O_CLOCK - DAY, milliseconds: 5 * DAY, count: 1 } });
      expect(all?.packets).toBe(10);
    });
  });
}
