import { describe, expect, test } from "vitest";
import { addUpPorts, type CountedPort, type CountPlan, isMeant } from "../../counters/counted.ts";
import { TEN_O_CLOCK, windowOf } from "../made-traffic.ts";
import type { SuiteStores } from "./parties.ts";

const [HOUR, DAY] = [3_600_000, 24 * 3_600_000];

/** A container's port, seconds after ten o'clock. */
function counted(identity: string, second: number, more: Partial<CountedPort> = {}): CountedPort {
  const [tenant = "", name = ""] = identity.split("/");
  return {
    owner: { endpoint: `ep-${tenant}-${name}`, tenant, network: "web", identity: name },
    node: "node-1",
    exporter: "192.168.50.11",
    ifIndex: 7,
    port: "hfp1000",
    since: TEN_O_CLOCK + second * 1000 - 30_000,
    until: TEN_O_CLOCK + second * 1000,
    egress: { bytes: 1000, packets: 10, drops: 0, errors: 0 },
    ingress: { bytes: 500, packets: 5 },
    ...more,
  };
}

const UPLINK: CountedPort = {
  exporter: "2001:db8::1",
  ifIndex: 4_000_000_000,
  since: TEN_O_CLOCK,
  until: TEN_O_CLOCK + 4000,
  egress: { bytes: 2 ** 53 - 1 },
  ingress: {},
};

const COUNTS = [
  counted("shop/redis-0", 1),
  counted("shop/redis-0", 31, { egress: { bytes: 1, packets: 1, drops: 7, errors: 2 }, ingress: { drops: 1 } }),
  // Another endpoint of the same port.
  counted("bank/redis-0", 61, { node: "node-2" }),
  counted("shop/it's a name", 61, { ifIndex: 8, port: "hfp1001" }),
  UPLINK,
];

/** What switches have counted at ports. */
export function countSuite({ opening }: SuiteStores): void {
  describe("counts", () => {
    const ALL: CountPlan = { from: TEN_O_CLOCK - HOUR, to: TEN_O_CLOCK + HOUR };
    const inOrder = (ports: readonly CountedPort[]): unknown[] =>
      ports.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

    test.each<[string, Partial<CountPlan>, number]>([
      ["of all ports are added up, each port of each owner by itself", {}, 4],
      ["of a tenant", { tenant: "shop" }, 2],
      ["of a network", { network: "web" }, 3],
      ["of an identity", { identity: "redis-0" }, 2],
      ["of an identity with a quote in its name", { identity: "it's a name" }, 1],
      ["of a node", { node: "node-2" }, 1],
      [
        "of a time, by the last sample, begin and end sharply",
        { from: TEN_O_CLOCK + 31_000, to: TEN_O_CLOCK + 61_000 },
        1,
      ],
      ["of a time without any are none", { from: TEN_O_CLOCK + 62_000 }, 0],
      ["of a day before there was anything are none", { from: TEN_O_CLOCK - 9 * DAY, to: TEN_O_CLOCK - 8 * DAY }, 0],
    ])("%s", async (_, asked, ports) => {
      const store = await opening();
      const half = COUNTS.length - 2;
      await store.take({ ...windowOf(TEN_O_CLOCK, []), counts: COUNTS.slice(0, half) });
      await store.take({ ...windowOf(TEN_O_CLOCK + 60_000, []), counts: COUNTS.slice(half) });
      const plan = { ...ALL, ...asked };
      const answer = await store.counts(plan);
      expect(answer).toHaveLength(ports);
      expect(inOrder(answer)).toEqual(inOrder(addUpPorts(COUNTS.filter((one) => isMeant(one, plan)))));
      expect(store.state().taken.rows).toBe(COUNTS.length);
    });

    test("of more ports than an answer of a server has are all told, to the packet", async () => {
      const store = await opening();
      const many = (second: number) =>
        Array.from({ length: 6000 }, (_, ifIndex) => counted("shop/x", second, { ifIndex }));
      for (const second of [1, 11])
        await store.take({ ...windowOf(TEN_O_CLOCK + second * 1000 - 1000, []), counts: many(second) });
      const answer = await store.counts(ALL);
      expect(answer).toHaveLength(6000);
      expect(answer.reduce((sum, { egress }) => sum + (egress.packets ?? 0), 0)).toBe(120_000);
    });

    test("are kept for as long as minutes are, day by day", async () => {
      const store = await opening();
      for (const days of [0, 1, 3]) {
        const window = windowOf(TEN_O_CLOCK + days * DAY, []);
        await store.take({ ...window, counts: [counted("shop/redis-0", 1 + days * 86_400)] });
      }
      await store.expire(TEN_O_CLOCK + 3 * DAY);
      const [port] = await store.counts({ from: TEN_O_CLOCK - DAY, to: TEN_O_CLOCK + 4 * DAY });
      expect(port?.egress.packets).toBe(10);
    });

    test("of a window of a stream that is given twice are there once", async () => {
      const store = await opening();
      const origin = { stream: "s", number: 1, checkpoint: "{}" };
      for (let time = 0; time < 2; time++)
        await store.take({ ...windowOf(TEN_O_CLOCK, []), counts: [counted("shop/redis-0", 1)], origin });
      expect((await store.counts(ALL)).map(({ egress }) => egress.packets)).toEqual([10]);
    });
  });
}
