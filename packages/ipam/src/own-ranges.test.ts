import { Cidr, HoldfastError, IpAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { AddressPool } from "./address-pool.ts";
import type { AddressRange, OwnRange, Subnet } from "./subnet-layout.ts";

const PREFIX = Cidr.parse("10.20.0.0/24");
const at = (last: number): IpAddress => IpAddress.parse(`10.20.0.${last}`);
const range = (first: number, last: number): AddressRange => ({ first: at(first), last: at(last) });
const own = (owner: string, first: number, last: number): OwnRange => ({ owner, ...range(first, last) });
const subnet = (ownRanges: readonly OwnRange[], ranges = [range(10, 19)]): Subnet => ({
  prefix: PREFIX,
  ranges,
  ownRanges,
});
const v4 = { family: "v4", now: 0 } as const;

function refusal(run: () => unknown): HoldfastError {
  try {
    run();
  } catch (error) {
    if (error instanceof HoldfastError) return error;
    throw error;
  }
  return expect.unreachable();
}

describe("ranges that belong to owners", () => {
  test("are given to them alone, automatically and by name", () => {
    const pool = AddressPool.create([subnet([own("a", 10, 11), own("a", 14, 14), own("b", 12, 12)])]);
    const next = (owner?: string) => pool.allocate({ ...v4, owner }).address;
    expect([next(), next("a"), next("a"), next("a"), next("b"), next()]).toEqual([13, 10, 11, 14, 12, 15].map(at));
    expect(refusal(() => next("a"))).toMatchObject({
      code: "pool_exhausted",
      message: expect.stringContaining(
        "no v4 address of a is free: 10.20.0.0/24 has 10, 3 of them for a, 1 of them for b",
      ),
    });
    expect(refusal(() => next("c"))).toMatchObject({
      code: "not_found",
      message: expect.stringContaining("range of c"),
    });
    pool.release(at(10), 0);
    expect(refusal(() => pool.take(at(12), 0)).details.reason).toBe("used");
    const later = 100_000;
    expect(refusal(() => pool.take(at(10), later)).message).toContain("is set aside for a");
    expect(refusal(() => pool.take(at(10), later, { owner: "b" })).details.reason).toBe("set-aside");
    expect(pool.take(at(10), later, { owner: "a" }).address).toBe(at(10));
    expect(pool.take(at(16), later, { owner: "a" }).address).toBe(at(16));
  });

  test("can be added and removed while addresses are in use and rest", () => {
    const pool = AddressPool.create([subnet([])]);
    for (let given = 0; given < 6; given++) pool.allocate(v4);
    pool.release(at(11), 0);
    pool.addSubnet(subnet([own("a", 10, 12), own("a", 18, 18)]));
    expect([at(10), at(11)].map((one) => pool.stateOf(one, 0))).toEqual(["used", "cooling"]);
    expect(pool.utilisation(0)[0]).toMatchObject({ used: 5, cooling: 1, free: 3n });
    expect(pool.utilisation(0)[0]?.own).toEqual([{ owner: "a", allocatable: 4n, free: 1n }]);
    expect(pool.allocate({ ...v4, owner: "a" }).address).toBe(at(18));
    expect(refusal(() => pool.allocate({ ...v4, owner: "a" })).retryable).toBe(true);
    expect(pool.allocate({ ...v4, owner: "a", now: 60_000 }).address).toBe(at(11));
    expect(pool.allocate(v4).address).toBe(at(16));
    pool.addSubnet(subnet([]));
    expect(pool.utilisation(0)[0]).toMatchObject({ used: 8, cooling: 0, free: 2n, own: [] });
    expect([pool.allocate(v4).address, pool.allocate(v4).address]).toEqual([at(17), at(19)]);
  });

  test.each([
    ["outside the ranges", [own("a", 30, 31)], "is not inside the ranges for workloads"],
    ["partly outside the ranges", [own("a", 18, 21)], "is not inside the ranges for workloads"],
    ["overlapping", [own("a", 10, 12), own("b", 12, 13)], "overlaps a range of a"],
    ["upside down", [own("a", 12, 11)], "ends before it begins"],
  ])("%s are refused, and nothing changes", (_, ranges, message) => {
    const pool = AddressPool.create([subnet([own("a", 10, 10)])]);
    const refused = refusal(() => pool.addSubnet(subnet(ranges)));
    expect(refused).toMatchObject({ code: "invalid_argument", details: { field: "ownRange" } });
    expect(refused.message).toContain(message);
    expect(pool.ownerOf(at(10))).toBe("a");
  });

  test("cost nothing, however large", () => {
    const prefix = Cidr.parse("fd00:20::/64");
    const [first, last] = [IpAddress.parse("fd00:20::1:0:0:0"), IpAddress.parse("fd00:20::1:ffff:ffff:ffff")];
    const pool = AddressPool.create([{ prefix, ownRanges: [{ owner: "a", first, last }] }]);
    expect(pool.allocate({ family: "v6", owner: "a", now: 0 }).address).toBe(first);
    expect(pool.utilisation(0)[0]?.own).toEqual([{ owner: "a", allocatable: 2n ** 48n, free: 2n ** 48n - 1n }]);
  });

  test("are no free block for others", () => {
    const pool = AddressPool.create([subnet([own("a", 128, 254)], [range(112, 254)])]);
    const request = { family: "v4", size: 16, subnets: [PREFIX], now: 0 } as const;
    const found = pool.freeBlock(request);
    expect(found?.prefix).toBe("10.20.0.112/28");
    for (const part of found?.ranges ?? []) pool.setAside(part, "node h1");
    expect(pool.freeBlock(request)).toBeUndefined();
  });
});

describe("a stretch of a subnet", () => {
  test("gives its first unused address, then the one released longest ago, and leaves the order of the others alone", () => {
    const pool = AddressPool.create([subnet([])], { cooldownMilliseconds: 100 });
    pool.allocate(v4);
    const next = (now: number) => pool.allocate({ family: "v4", within: range(15, 17), now }).address;
    expect([next(0), next(0), next(0)]).toEqual([15, 16, 17].map(at));
    expect(pool.allocate(v4).address).toBe(at(11));
    pool.release(at(16), 10);
    pool.release(at(15), 20);
    expect(refusal(() => next(50))).toMatchObject({
      code: "pool_exhausted",
      retryable: true,
      details: { retryAfterMilliseconds: 60 },
    });
    expect([next(150), next(150)]).toEqual([at(16), at(15)]);
    expect(refusal(() => next(150)).message).toContain("no v4 address from 10.20.0.15 to 10.20.0.17 is free");
  });

  test("lies in one subnet", () => {
    const pool = AddressPool.create([subnet([])]);
    const within = { first: at(250), last: IpAddress.parse("10.20.1.5") };
    expect(refusal(() => pool.allocate({ ...v4, within }))).toMatchObject({
      code: "address_out_of_range",
      message: "10.20.0.250-10.20.1.5 does not lie in one subnet: 10.20.0.250 is in 10.20.0.0/24, 10.20.1.5 is not",
    });
  });
});
