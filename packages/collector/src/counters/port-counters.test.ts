import type { InterfaceGrowth } from "@holdfast/flow";
import { flowCountersPageSchema } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { portFamilies } from "../status/port-metrics.ts";
import { container } from "../testing/made-traffic.ts";
import { createPortCounters, MOST_PORTS } from "./port-counters.ts";

const owners = [container("shop/web/redis-0", "10.20.0.7"), container("bank/web/teller-0", "10.20.0.8")];
const inside = { endpoint: (owner: number) => owners[owner], nodeOf: () => "node-1" as never };

const grew = (more: Partial<InterfaceGrowth> = {}): InterfaceGrowth => ({
  agent: "192.0.2.1",
  ifIndex: 7,
  name: "hfp1000",
  owner: 0,
  at: 90_000,
  milliseconds: 30_000,
  received: { bytes: 3000, packets: 30, drops: 3, errors: 1 },
  sent: { bytes: 600, packets: 6 },
  ...more,
});

describe("counters of ports", () => {
  test("add up what the switch counted, as the container sees it, with the rates of the last samples", () => {
    const counters = createPortCounters(inside);
    counters.take([grew()]);
    counters.take([grew({ at: 120_000, received: { bytes: 6000, packets: 60, drops: 0, errors: 0 } })]);
    const answer = counters.list({ limit: 10 });
    expect(flowCountersPageSchema.parse(answer)).toEqual(answer);
    expect(answer.items).toEqual([
      {
        endpoint: "ep-shop-redis-0",
        tenant: "shop",
        network: "web",
        identity: "redis-0",
        node: "node-1",
        exporter: "192.0.2.1",
        ifIndex: 7,
        port: "hfp1000",
        since: "1970-01-01T00:01:00.000Z",
        until: "1970-01-01T00:02:00.000Z",
        egress: { bytes: 9000, packets: 90, drops: 3, errors: 1, bitRate: 1600, packetRate: 2 },
        ingress: { bytes: 1200, packets: 12, bitRate: 160, packetRate: 0.2 },
      },
    ]);
  });

  test("get a name when it is known, keep it, and begin anew when the port is another's", () => {
    const counters = createPortCounters(inside);
    const { owner: _, ...nobody } = grew();
    const read = () => counters.list({ limit: 10 }).items.map(({ identity, egress }) => [identity, egress.packets]);
    counters.take([nobody]);
    expect(read()).toEqual([[undefined, 30]]);
    counters.take([grew()]);
    counters.take([nobody]);
    expect(read()).toEqual([["redis-0", 90]]);
    counters.take([grew({ owner: 1 })]);
    expect(read()).toEqual([["teller-0", 30]]);
  });

  test("tell a tenant of his own, and nothing of how the platform is built", () => {
    const counters = createPortCounters(inside);
    const { owner: _, ...nobody } = grew({ ifIndex: 9 });
    counters.take([grew(), grew({ ifIndex: 8, owner: 1 }), nobody]);
    const { items } = counters.list({ limit: 10, tenant: "bank" });
    expect(items.map(({ identity }) => identity)).toEqual(["teller-0"]);
    expect(Object.keys(items[0] ?? {})).not.toContain("exporter");
    expect(Object.keys(items[0] ?? {})).not.toContain("port");
    expect(counters.list({ limit: 10 }).items).toHaveLength(3);
    expect(counters.list({ limit: 10, identity: "redis-0" }).items).toHaveLength(1);
  });

  test("come page after page, containers first", () => {
    const counters = createPortCounters(inside);
    const { owner: _, ...nobody } = grew({ ifIndex: 9 });
    counters.take([nobody, grew(), grew({ ifIndex: 8, owner: 1 })]);
    const first = counters.list({ limit: 2 });
    const second = counters.list({ limit: 2, continue: first.continue });
    expect([...first.items, ...second.items].map(({ identity }) => identity)).toEqual([
      "teller-0",
      "redis-0",
      undefined,
    ]);
    expect(second.continue).toBeUndefined();
    // What a tenant gets for his next page says nothing of exporters.
    counters.take([grew({ ifIndex: 11 })]);
    expect(counters.list({ limit: 1, tenant: "shop" }).continue).toMatch(/^shop\/web\/redis-0\/ep-shop-redis-0\/\d+$/);
  });

  test("say what an identity's ports throw away, as long as that is news", () => {
    const counters = createPortCounters(inside);
    counters.take([grew(), grew({ ifIndex: 12, sent: { drops: 9 } }), grew({ ifIndex: 8, owner: 1, at: -100_000 })]);
    expect(counters.dropping(90_000).map(({ end, rate }) => [end.identity, rate])).toEqual([["redis-0", 0.5]]);
  });

  test("are told to Prometheus for each identity, its ports together, and of so many", () => {
    const counters = createPortCounters(inside);
    counters.take([grew(), grew({ ifIndex: 12 }), grew({ ifIndex: 8, owner: 1 })]);
    const [bytes, , drops] = portFamilies(counters, 1);
    const labels = 'tenant="shop",network="web",identity="redis-0"';
    expect(bytes?.values).toEqual([
      [`${labels},direction="egress"`, 6000],
      [`${labels},direction="ingress"`, 1200],
    ]);
    expect(drops?.values).toEqual([[`${labels},direction="egress"`, 6]]);
    expect(portFamilies(counters, 0)).toEqual([]);
  });

  test("are of so many ports at most; one that is silent for an hour gives its place", () => {
    const counters = createPortCounters(inside);
    const { owner: _, ...nobody } = grew();
    counters.take(Array.from({ length: MOST_PORTS }, (__, ifIndex) => ({ ...nobody, ifIndex })));
    counters.take([{ ...nobody, ifIndex: MOST_PORTS }]);
    expect([counters.size, counters.leftOut]).toEqual([MOST_PORTS, 1]);
    counters.take([{ ...nobody, ifIndex: MOST_PORTS, at: 90_000 + 3_600_000 }]);
    expect([counters.size, counters.leftOut]).toEqual([MOST_PORTS, 1]);
  });
});
