import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Cidr, IpAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { AddressPool } from "./address-pool.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const POOLS = 1000;

function heapBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** What it takes to make a pool and ask it all that is asked of one that nobody uses yet. */
function costOf(prefixes: readonly string[]): { readonly bytes: number; readonly milliseconds: number } {
  const subnets = prefixes.map((prefix) => ({ prefix: Cidr.parse(prefix) }));
  const before = heapBytes();
  const begun = performance.now();
  const pools = Array.from({ length: POOLS }, () => {
    const pool = AddressPool.create(subnets, { cooldownMilliseconds: 60_000 });
    pool.utilisation(0);
    for (const { prefix } of subnets) {
      pool.stateOf(Cidr.last(prefix), 0);
      pool.freeBlock({ family: Cidr.family(prefix), size: 4, subnets: [prefix], now: 0 });
    }
    return pool;
  });
  const milliseconds = (performance.now() - begun) / POOLS;
  const bytes = (heapBytes() - before) / POOLS;
  expect(pools).toHaveLength(POOLS);
  return { bytes, milliseconds };
}

describe("a pool of which nothing is used", () => {
  test.for([
    ["a v4 /8", ["10.0.0.0/8"], ["10.0.0.0/28"]],
    ["a v6 /64", ["fd00::/64"], ["fd00::/124"]],
    ["a v6 /32", ["fd00::/32"], ["fd00::/124"]],
    ["both families", ["10.0.0.0/8", "fd00::/64"], ["10.0.0.0/28", "fd00::/124"]],
  ] as const)("costs as much for %s as for sixteen addresses", ([, large, small]) => {
    // The first round warms up.
    const rounds = Array.from({ length: 4 }, () => [costOf(small), costOf(large)] as const).slice(1);
    const least = (of: 0 | 1, what: "bytes" | "milliseconds"): number =>
      Math.min(...rounds.map((one) => one[of][what]));
    expect(least(1, "bytes")).toBeLessThan(least(0, "bytes") * 1.5);
    expect(least(1, "bytes")).toBeLessThan(8192 * large.length);
    expect(least(1, "milliseconds")).toBeLessThan(least(0, "milliseconds") * 4);
  });

  test("costs only what is used when some is, wherever that lies", () => {
    const pool = AddressPool.create([{ prefix: Cidr.parse("10.0.0.0/8") }, { prefix: Cidr.parse("fd00::/64") }]);
    const before = heapBytes();
    for (const subnet of ["10.0.0.0/8", "fd00::/64"].map((prefix) => Cidr.parse(prefix))) {
      const nextToLast = IpAddress.toBigInt(Cidr.last(subnet)) - 1n;
      pool.take(IpAddress.fromBigInt(Cidr.family(subnet), nextToLast), 0);
      for (let count = 0; count < 100; count++) pool.allocate({ family: Cidr.family(subnet), now: 0 });
    }
    expect(heapBytes() - before).toBeLessThan(512 * 1024);
    expect(pool.utilisation(0).map(({ used }) => used)).toEqual([101, 101]);
  });
});
