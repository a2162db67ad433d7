import { Cidr } from "@holdfast/core";
import {
  type FilterValue,
  type TrafficField,
  type TrafficFilter,
  trafficField,
  trafficFieldNames,
  valueKindOf,
} from "@holdfast/flow";
import type { TrafficEnd, TrafficWindow } from "../windows/traffic.ts";
import { container, nobody, outside, sampled, TEN_O_CLOCK, traffic, windowOf } from "./made-traffic.ts";

/** Numbers from 0 to below 1. */
export type Random = () => number;

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T;
}

const ENDS: readonly TrafficEnd[] = [
  container("shop/web/redis-0", "10.20.0.7", { groups: ["cache", "all"] }),
  container("shop/web/redis-0", "10.20.0.7", { groups: ["cache", "all"], node: "node-2", endpoint: "ep-later" }),
  container("shop/web/api-1", "10.20.0.8", { groups: ["all"] }),
  container("shop/data/mysql-0", "10.21.0.8"),
  container("shop/data/prod/mysql", "fd00::21"),
  container("bank/web/redis-0", "10.20.0.7", { groups: ["cache"], node: "node-2" }),
  container("bank/web/o'brien", "10.20.0.9"),
  outside("192.0.2.5", "office"),
  outside("198.51.100.7"),
  nobody("10.20.0.99"),
  { kind: "unknown", reason: "no-ip" },
];

/** Some minutes of traffic, not in every window. */
export function randomWindows(random: Random, count: number): readonly TrafficWindow[] {
  return Array.from({ length: count }, (_, index) => {
    const start = TEN_O_CLOCK + index * 10_000;
    const rows = Array.from({ length: Math.floor(random() * 12) }, () => {
      const samples = 1 + Math.floor(random() * 5);
      return traffic(pick(random, ENDS), pick(random, ENDS), {
        protocol: pick(random, [6, 17, 1]),
        servicePort: pick(random, [0, 53, 80, 443]),
        packets: samples * 64,
        bytes: samples * 64 * Math.ceil(random() * 1500),
        samples,
        exactSamples: pick(random, [0, samples]),
        isCounted: random() < 0.9,
        ...(random() < 0.3 ? { vlan: 100 } : {}),
        ...(random() < 0.3 ? { verdict: pick(random, ["allowed", "denied"] as const) } : {}),
      });
    });
    return windowOf(
      start,
      rows,
      rows.slice(0, 2).map((row, at) => sampled(row, start + 13 * at + Math.floor(random() * 9000))),
    );
  });
}

export function randomField(random: Random): TrafficField {
  return trafficField(pick(random, trafficFieldNames)) as TrafficField;
}

export function randomFilter(random: Random, depth = 0): TrafficFilter {
  const kind = depth > 2 ? "is" : pick(random, ["is", "is", "is", "not", "all", "any"] as const);
  if (kind === "not") return { kind, of: randomFilter(random, depth + 1) };
  if (kind !== "is") {
    return { kind, of: Array.from({ length: Math.floor(random() * 3) }, () => randomFilter(random, depth + 1)) };
  }
  const field = randomField(random);
  return { kind, field, values: Array.from({ length: 1 + Math.floor(random() * 2) }, () => valueFor(random, field)) };
}

function valueFor(random: Random, field: TrafficField): FilterValue {
  if (random() < 0.2) return { kind: "absent" };
  switch (valueKindOf(field)) {
    case "number":
      return pick<FilterValue>(random, [
        { kind: "equal", value: pick(random, [6, 17, 80, 100]) },
        { kind: "range", first: 10, last: 100 },
      ]);
    case "truth":
      return { kind: "equal", value: random() < 0.5 };
    case "word":
      return { kind: "equal", value: pick(random, ["egress", "ingress", "allowed", "denied"]) };
    case "address":
      return pick<FilterValue>(random, [
        { kind: "equal", value: pick(random, ["10.20.0.7", "192.0.2.5", "fd00::21", "192.168.50.11"]) },
        {
          kind: "prefix",
          prefix: Cidr.parse(pick(random, ["10.20.0.0/16", "fd00::/64", "0.0.0.0/0", "10.20.0.8/32", "::/0"])),
        },
      ]);
    case "text":
      return pick<FilterValue>(random, [
        {
          kind: "equal",
          value: pick(random, ["redis-0", "shop", "cache", "web", "office", "node-2", "o'brien", "no such"]),
        },
        { kind: "pattern", pattern: pick(random, ["redis-*", "*a*", "*", "s*p", "o'*", "_*", "%"]) },
      ]);
  }
}
