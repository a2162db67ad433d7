import { describe, expect, test } from "vitest";
import { container, nobody, outside, sampled, TEN_O_CLOCK, traffic, windowOf } from "../testing/made-traffic.ts";
import { flowDocuments } from "./flow-document.ts";

const redis = container("shop/web/redis-0", "10.20.0.7", { groups: ["all", "cache"] });
const documents = (...given: Parameters<typeof flowDocuments>) =>
  [...flowDocuments(...given)].map((one) => JSON.parse(one));

describe("documents of a window", () => {
  test("say what a kind of traffic was, in the words of filters", () => {
    const row = traffic(redis, outside("192.0.2.5", "office"), { bytes: 4000, servicePort: 6379, samples: 4 });
    expect(documents(windowOf(TEN_O_CLOCK, [row]), "windows", "h1")).toEqual([
      {
        "@timestamp": "2026-11-20T10:00:00.000Z",
        id: `h1-${TEN_O_CLOCK}-0`,
        kind: "window",
        seconds: 10,
        exporter: row.exporter.agent,
        exporterNode: "node-1",
        direction: row.direction,
        attributed: true,
        protocol: "tcp",
        service: 6379,
        source: {
          kind: "endpoint",
          endpoint: "ep-shop-redis-0",
          tenant: "shop",
          network: "web",
          identity: "redis-0",
          group: ["all", "cache"],
          node: "node-1",
          address: "10.20.0.7",
        },
        destination: { kind: "outside", prefix: "office", address: "192.0.2.5" },
        packets: row.packets,
        bytes: 4000,
        samples: 4,
        exactSamples: row.exactSamples,
      },
    ]);
  });

  test("leave out what was sampled once more on its way, and keep the ids of the others", () => {
    const again = traffic(redis, nobody("10.20.0.9"), { isCounted: false, vantage: "tunnel" });
    const window = windowOf(TEN_O_CLOCK, [again, traffic(redis, nobody("10.20.0.9"))]);
    expect(documents(window, "windows", "h1").map(({ id }) => id)).toEqual([`h1-${TEN_O_CLOCK}-1`]);
  });

  test("of samples say when each packet came, and what it stands for", () => {
    const row = traffic(redis, outside("192.0.2.5"));
    const one = sampled(row, TEN_O_CLOCK + 1234, { bytes: 1500, rate: 64 });
    expect(documents(windowOf(TEN_O_CLOCK, [row], [one]), "samples", "h1")).toEqual([
      expect.objectContaining({ "@timestamp": "2026-11-20T10:00:01.234Z", kind: "sample", bytes: 1500, rate: 64 }),
    ]);
  });
});
