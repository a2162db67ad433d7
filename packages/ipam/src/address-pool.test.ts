import { Cidr, type ErrorCode, HoldfastError, IpAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { AddressPool } from "./address-pool.ts";
import type { AddressRange, Subnet } from "./subnet-layout.ts";

const address = (text: string): IpAddress => IpAddress.parse(text);

function range(text: string): AddressRange {
  const [first = "", last = first] = text.split("-");
  return { first: address(first), last: address(last) };
}

function subnet(prefix: string, rest: { gateway?: string; ranges?: string[]; exclusions?: string[] } = {}): Subnet {
  return {
    prefix: Cidr.parse(prefix),
    ...(rest.gateway === undefined ? {} : { gateway: address(rest.gateway) }),
    ...(rest.ranges === undefined ? {} : { ranges: rest.ranges.map(range) }),
    ...(rest.exclusions === undefined ? {} : { exclusions: rest.exclusions.map(range) }),
  };
}

/** Allocates until the pool is exhausted. */
function drain(pool: AddressPool, family: "v4" | "v6" = "v4", now = 0): string[] {
  const given: string[] = [];
  for (;;) {
    try {
      given.push(pool.allocate({ family, now }).address);
    } catch (error) {
      expect(error).toMatchObject({ code: "pool_exhausted" });
      return given;
    }
  }
}

function failure(run: () => unknown): HoldfastError {
  try {
    run();
  } catch (error) {
    if (error instanceof HoldfastError) return error;
    throw error;
  }
  return expect.unreachable();
}

function expectFailure(run: () => unknown, code: ErrorCode, message: string): void {
  const { code: seen, message: text } = failure(run);
  expect([seen, text]).toEqual([code, message]);
}

describe("what is given automatically", () => {
  test.each([
    [
      "every host of a v4 prefix",
      subnet("10.0.0.0/29"),
      ["1", "2", "3", "4", "5", "6"].map((host) => `10.0.0.${host}`),
    ],
    ["both addresses of a /31 (RFC 3021)", subnet("10.0.0.2/31"), ["10.0.0.2", "10.0.0.3"]],
    ["the one address of a /32", subnet("10.0.0.2/32"), ["10.0.0.2"]],
    [
      "everything in v6 but the subnet-router anycast address",
      subnet("fd00::/125"),
      ["1", "2", "3", "4", "5", "6", "7"].map((host) => `fd00::${host}`),
    ],
    ["both addresses of a /127 (RFC 6164)", subnet("fd00::/127"), ["fd00::", "fd00::1"]],
    [
      "not the gateway, and not the exclusions",
      subnet("10.0.0.0/28", {
        gateway: "10.0.0.1",
        exclusions: ["10.0.0.3-10.0.0.5", "10.0.0.5-10.0.0.12", "10.0.0.14"],
      }),
      ["10.0.0.2", "10.0.0.13"],
    ],
    [
      "only what the ranges hold, in ascending order, each once",
      subnet("10.0.0.0/24", {
        ranges: ["10.0.0.9-10.0.0.11", "10.0.0.3", "10.0.0.10-10.0.0.12"],
        exclusions: ["10.0.0.10"],
      }),
      ["10.0.0.3", "10.0.0.9", "10.0.0.11", "10.0.0.12"],
    ],
    [
      "nothing when all is excluded",
      subnet("10.0.0.0/24", { ranges: ["10.0.0.3-10.0.0.4"], exclusions: ["10.0.0.0-10.0.0.255"] }),
      [],
    ],
  ])("%s", (_, given, expected) => {
    const pool = AddressPool.create([given]);
    expect(pool.utilisation(0)[0]?.allocatable).toBe(BigInt(expected.length));
    expect(drain(pool, Cidr.family(given.prefix))).toEqual(expected);
  });

  test("the last addresses of the last prefix of each family", () => {
    expect(drain(AddressPool.create([subnet("255.255.255.252/30")]))).toEqual(["255.255.255.253", "255.255.255.254"]);
    const last = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff";
    expect(drain(AddressPool.create([subnet(`${last}e/127`)]), "v6")).toEqual([`${last}e`, `${last}f`]);
  });

  test("from the subnets in the order in which they were added, or from the one that is named", () => {
    const pool = AddressPool.create([subnet("10.0.1.0/31"), subnet("fd00::/127"), subnet("10.0.0.0/31")]);
    expect(pool.allocate({ family: "v4", subnet: Cidr.parse("10.0.0.0/31"), now: 0 })).toEqual({
      address: "10.0.0.0",
      subnet: "10.0.0.0/31",
    });
    expect(drain(pool)).toEqual(["10.0.1.0", "10.0.1.1", "10.0.0.1"]);
    expect(drain(pool, "v6")).toEqual(["fd00::", "fd00::1"]);
  });

  test("a subnet that the network does not have is named, with those that it has", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/24")]);
    const allocate = (prefix: string, family: "v4" | "v6") => () =>
      pool.allocate({ family, subnet: Cidr.parse(prefix), now: 0 });
    expectFailure(
      allocate("10.0.1.0/24", "v4"),
      "not_found",
      "the network has no v4 subnet 10.0.1.0/24; its subnets: 10.0.0.0/24",
    );
    expect(failure(allocate("10.0.0.0/24", "v6")).code).toBe("not_found");
  });
});

describe("an exhausted pool", () => {
  test("names the sizes", () => {
    const pool = AddressPool.create([
      subnet("10.0.0.0/30"),
      subnet("10.0.1.0/30", { gateway: "10.0.1.1" }),
      subnet("fd00::/64"),
    ]);
    drain(pool);
    const error = failure(() => pool.allocate({ family: "v4", now: 0 }));
    expect(error.message).toBe(
      "no v4 address is free: 10.0.0.0/30 has 2 (2 in use, 0 cooling down), 10.0.1.0/30 has 1 (1 in use, 0 cooling down); " +
        "add a subnet or release claims",
    );
    expect(error.retryable).toBe(false);
  });

  test("says when the next address has cooled down", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/30")]);
    drain(pool);
    pool.release(address("10.0.0.1"), 1000);
    const error = failure(() => pool.allocate({ family: "v4", now: 2500 }));
    expect(error.message).toBe(
      "no v4 address is free: 10.0.0.0/30 has 2 (1 in use, 1 cooling down); the next is free in 59s",
    );
    expect([error.retryable, error.details]).toEqual([true, { family: "v4", retryAfterMilliseconds: 58_500 }]);
    expect(pool.allocate({ family: "v4", now: 61_000 }).address).toBe("10.0.0.1");
  });

  test("without a subnet of the family says so", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/30")]);
    expectFailure(
      () => pool.allocate({ family: "v6", now: 0 }),
      "pool_exhausted",
      "the network has no v6 subnet; add one",
    );
  });
});

describe("taking an address", () => {
  test("A.9-1: a preferred address that is in use is refused, however it came into use", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/24")]);
    pool.allocate({ family: "v4", now: 0 });
    pool.take(address("10.0.0.9"), 0);
    pool.restore(address("10.0.0.77"));
    for (const text of ["10.0.0.1", "10.0.0.9", "10.0.0.77"]) {
      expectFailure(() => pool.take(address(text), 0), "address_in_use", `${text} is in use`);
      expect(failure(() => pool.take(address(text), 0, { formerOwner: true })).details.reason).toBe("used");
    }
    expect(pool.utilisation(0)[0]?.used).toBe(3);
  });

  test("gives just that address, once, and never automatically afterwards", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/29")]);
    expect(pool.take(address("10.0.0.3"), 0)).toEqual({ address: "10.0.0.3", subnet: "10.0.0.0/29" });
    expect(drain(pool)).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.4", "10.0.0.5", "10.0.0.6"]);
  });

  test("outside the ranges is refused with the ranges named", () => {
    const pool = AddressPool.create([
      subnet("10.0.0.0/24", { ranges: ["10.0.0.10-10.0.0.19", "10.0.0.30"] }),
      subnet("fd00::/64"),
    ]);
    expectFailure(
      () => pool.take(address("10.0.0.20"), 0),
      "address_out_of_range",
      "10.0.0.20 is not among the addresses for workloads in subnet 10.0.0.0/24: 10.0.0.10-10.0.0.19, 10.0.0.30",
    );
    expectFailure(
      () => pool.take(address("10.1.0.20"), 0),
      "address_out_of_range",
      "10.1.0.20 is in no subnet of the network: 10.0.0.0/24 (10.0.0.10-10.0.0.19, 10.0.0.30); fd00::/64 (fd00::1-fd00::ffff:ffff:ffff:ffff)",
    );
  });

  test.each(["10.0.0.0", "10.0.0.255"])("%s is no host's address", (text) => {
    const pool = AddressPool.create([subnet("10.0.0.0/24")]);
    expect(failure(() => pool.take(address(text), 0)).code).toBe("address_out_of_range");
  });

  test("the gateway is refused with the reason, inside and outside the ranges", () => {
    const pool = AddressPool.create([
      subnet("10.0.0.0/24", { gateway: "10.0.0.1" }),
      subnet("10.0.1.0/24", { gateway: "10.0.1.1", ranges: ["10.0.1.9"] }),
    ]);
    for (const [text, prefix] of [
      ["10.0.0.1", "10.0.0.0/24"],
      ["10.0.1.1", "10.0.1.0/24"],
    ] as const) {
      const error = failure(() => pool.take(address(text), 0));
      expect([error.code, error.details.reason]).toEqual(["address_in_use", "gateway"]);
      expect(error.message).toBe(`${text} is the gateway of subnet ${prefix}`);
    }
  });

  test("an excluded address can be had by asking for it, and is not given automatically after its release", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/30", { exclusions: ["10.0.0.2"] })]);
    pool.take(address("10.0.0.2"), 0);
    expect(pool.utilisation(0)).toMatchObject([{ allocatable: 1n, used: 1, cooling: 0, free: 1n }]);
    expect(failure(() => pool.take(address("10.0.0.2"), 0)).code).toBe("address_in_use");
    pool.release(address("10.0.0.2"), 0);
    expect(failure(() => pool.take(address("10.0.0.2"), 1)).details.reason).toBe("cooling");
    expect(drain(pool, "v4", 60_000)).toEqual(["10.0.0.1"]);
    pool.take(address("10.0.0.2"), 60_000);
  });
});

describe("a released address", () => {
  test("A.9-9: is not given again at once, though it is the lowest free one", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/24")]);
    const crashLooping: string[] = [];
    for (let now = 0; now < 100_000; now += 1000) {
      const { address: given } = pool.allocate({ family: "v4", now });
      crashLooping.push(given);
      pool.release(given, now);
    }
    expect(new Set(crashLooping).size).toBe(100);
    expect(crashLooping.slice(0, 3)).toEqual(["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
  });

  test("is given to nobody until it has cooled down, however scarce addresses are", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/30")], { cooldownMilliseconds: 5000 });
    drain(pool);
    pool.release(address("10.0.0.2"), 1000);
    expect(drain(pool, "v4", 5999)).toEqual([]);
    expect(drain(pool, "v4", 6000)).toEqual(["10.0.0.2"]);
  });

  test("is refused to others while it cools down, with the time; its former owner may have it", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/30")]);
    pool.take(address("10.0.0.2"), 0);
    pool.release(address("10.0.0.2"), 0);
    expectFailure(
      () => pool.take(address("10.0.0.2"), 59_001),
      "address_in_use",
      "10.0.0.2 was released a short time ago; it is free in 999ms",
    );
    pool.take(address("10.0.0.2"), 59_001, { formerOwner: true });
    expect(pool.stateOf(address("10.0.0.2"), 59_001)).toBe("used");
    pool.release(address("10.0.0.2"), 60_000);
    expect(failure(() => pool.take(address("10.0.0.2"), 61_000)).code).toBe("address_in_use");
    pool.take(address("10.0.0.2"), 120_000);
  });

  test("once all have been used, the one released longest ago comes first", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/29")]);
    drain(pool);
    for (const [at, host] of [
      [10, 5],
      [20, 2],
      [30, 6],
      [40, 1],
    ])
      pool.release(address(`10.0.0.${host}`), at ?? 0);
    expect(drain(pool, "v4", 60_030)).toEqual(["10.0.0.5", "10.0.0.2", "10.0.0.6"]);
    expect(drain(pool, "v4", 60_040)).toEqual(["10.0.0.1"]);
  });

  test("giving back what is not in use, or not ours, changes nothing", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/30")]);
    expect([pool.release(address("10.0.0.1"), 0), pool.release(address("192.0.2.1"), 0)]).toEqual([false, false]);
    pool.take(address("10.0.0.1"), 0);
    expect([pool.release(address("10.0.0.1"), 0), pool.release(address("10.0.0.1"), 50_000)]).toEqual([true, false]);
    expect(pool.stateOf(address("10.0.0.1"), 60_000)).toBe("unused");
  });

  test("A.9-10: a v6 address comes back, and no other with it", () => {
    const pool = AddressPool.create([subnet("fd00:20::/64"), subnet("fd00:21::/126"), subnet("10.0.0.0/24")]);
    const low = pool.allocate({ family: "v6", now: 0 }).address;
    const high = pool.take(address("fd00:20::ffff:ffff:ffff:fffe"), 0).address;
    const other = pool.allocate({ family: "v6", subnet: Cidr.parse("fd00:21::/126"), now: 0 }).address;
    expect(pool.release(address("FD00:20:0:0:FFFF:ffff:ffff:fffe"), 0)).toBe(true);
    const states = [low, high, other].map((one) => pool.stateOf(one, 59_999));
    expect(states).toEqual(["used", "cooling", "used"]);
    expect(pool.utilisation(60_000)).toMatchObject([
      { used: 1, cooling: 0, free: 2n ** 64n - 2n },
      { used: 1, cooling: 0, free: 2n },
      { used: 0 },
    ]);
    pool.take(high, 60_000);
    expect(failure(() => pool.take(high, 60_000)).code).toBe("address_in_use");
    expect(pool.release(other, 0)).toBe(true);
    expect(drain(AddressPool.create([subnet("fd00::/126")]), "v6")).toEqual(["fd00::1", "fd00::2", "fd00::3"]);
  });

  test("is forgotten after its cool-down when too many are remembered, so that churn in a large subnet costs nothing", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/28")], { cooldownMilliseconds: 10, rememberedReleases: 2 });
    const given = drain(pool);
    for (const [at, one] of given.toReversed().entries()) pool.release(address(one), at);
    const [first = "", second = "", ...forgotten] = given;
    expect(drain(pool, "v4", 1000)).toEqual([...forgotten, second, first]);
  });
});

describe("an address that nobody came to have", () => {
  test("is unused at once, and given next when it was given last", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/29")]);
    const given = [0, 1, 2].map((now) => pool.allocate({ family: "v4", now }).address);
    for (const one of given.toReversed()) expect(pool.cancel(one)).toBe(true);
    expect(pool.utilisation(0)[0]).toMatchObject({ used: 0, cooling: 0, free: 6n });
    expect(pool.stateOf(address("10.0.0.1"), 0)).toBe("unused");
    expect(drain(pool).slice(0, 3)).toEqual(given);
  });

  test("leaves the pool as it was with the others that were taken back, also when some between them are in use", () => {
    const pool = AddressPool.create([
      { ...subnet("10.0.0.0/28"), ownRanges: [{ first: address("10.0.0.5"), last: address("10.0.0.6"), owner: "db" }] },
    ]);
    for (const one of ["10.0.0.3", "10.0.0.9"]) pool.take(address(one), 0);
    const allocate = () => Array.from({ length: 8 }, (_, now) => pool.allocate({ family: "v4", now }).address);
    const given = allocate();
    for (const one of given.toReversed()) pool.cancel(one);
    expect(allocate()).toEqual(given);
  });

  test("is no news when it is not in use", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/29")]);
    expect(pool.cancel(address("10.0.0.1"))).toBe(false);
    pool.take(address("10.0.0.1"), 0);
    pool.release(address("10.0.0.1"), 0);
    expect(pool.cancel(address("10.0.0.1"))).toBe(false);
    expect(pool.stateOf(address("10.0.0.1"), 1)).toBe("cooling");
    expect(pool.cancel(address("192.0.2.1"))).toBe(false);
  });
});

describe("subnets that change", () => {
  test("A.9-23: a subnet is added to a full network, and what is in use stays undisturbed", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/30")]);
    const before = drain(pool);
    pool.addSubnet(subnet("10.0.9.0/30", { gateway: "10.0.9.1" }));
    expect(pool.allocate({ family: "v4", now: 0 })).toEqual({ address: "10.0.9.2", subnet: "10.0.9.0/30" });
    for (const one of before) expect(pool.stateOf(address(one), 0)).toBe("used");
  });

  test("A.9-23: a subnet gets other ranges, exclusions and gateway, and what is in use stays in use", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/24", { ranges: ["10.0.0.10-10.0.0.12"] })]);
    drain(pool);
    pool.release(address("10.0.0.11"), 0);
    pool.addSubnet(
      subnet("10.0.0.0/24", { gateway: "10.0.0.20", ranges: ["10.0.0.11-10.0.0.21"], exclusions: ["10.0.0.13"] }),
    );
    expect(pool.utilisation(0)).toEqual([
      { subnet: "10.0.0.0/24", family: "v4", allocatable: 9n, used: 2, cooling: 1, setAside: 0, free: 7n, own: [] },
    ]);
    const rest = ["14", "15", "16", "17", "18", "19", "21"].map((host) => `10.0.0.${host}`);
    expect(drain(pool, "v4", 60_000)).toEqual([...rest, "10.0.0.11"]);
    expect(pool.release(address("10.0.0.10"), 60_000)).toBe(true);
    expect(drain(pool, "v4", 999_000)).toEqual([]);
  });

  test("what has cooled down or is still cooling when a subnet changes does so afterwards", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/29")]);
    drain(pool);
    for (const [host, at] of [
      [4, 0],
      [2, 10],
      [3, 50_000],
    ])
      pool.release(address(`10.0.0.${host}`), at ?? 0);
    expect(pool.utilisation(60_010)).toMatchObject([{ used: 3, cooling: 1, free: 2n }]);
    pool.addSubnet(subnet("10.0.0.0/29", { exclusions: ["10.0.0.4"] }));
    expect(pool.utilisation(60_010)).toMatchObject([{ allocatable: 5n, used: 3, cooling: 1, free: 1n }]);
    expect(drain(pool, "v4", 60_010)).toEqual(["10.0.0.2"]);
    pool.addSubnet(subnet("10.0.0.0/29"));
    expect(drain(pool, "v4", 110_000)).toEqual(["10.0.0.4", "10.0.0.3"]);
  });

  test("a single address that has cooled down stays free through two changes", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/30")]);
    drain(pool);
    pool.release(address("10.0.0.2"), 0);
    for (let change = 0; change < 2; change++) {
      expect(pool.utilisation(60_000)).toMatchObject([{ used: 1, cooling: 0, free: 1n }]);
      pool.addSubnet(subnet("10.0.0.0/30"));
    }
    expect(drain(pool, "v4", 60_000)).toEqual(["10.0.0.2"]);
  });

  test("an address in use cannot become the gateway", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/24")]);
    pool.take(address("10.0.0.7"), 0);
    expectFailure(
      () => pool.addSubnet(subnet("10.0.0.0/24", { gateway: "10.0.0.7" })),
      "address_in_use",
      "10.0.0.7 is in use and cannot become the gateway",
    );
    expect(pool.utilisation(0)[0]?.allocatable).toBe(254n);
  });

  test("a subnet in use is not removed; an unused or absent one is", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/24")]);
    pool.take(address("10.0.0.7"), 0);
    expectFailure(
      () => pool.removeSubnet(Cidr.parse("10.0.0.0/24")),
      "in_use",
      "subnet 10.0.0.0/24 cannot be removed: 1 of its addresses are in use; release them first",
    );
    pool.release(address("10.0.0.7"), 0);
    pool.removeSubnet(Cidr.parse("10.0.0.0/24"));
    pool.removeSubnet(Cidr.parse("10.0.0.0/24"));
    expect(pool.stateOf(address("10.0.0.7"), 0)).toBe("outside");
  });

  test.each([
    ["overlaps another", subnet("10.0.0.128/25"), "prefix", "subnet 10.0.0.128/25 overlaps subnet 10.0.0.0/24"],
    ["contains another", subnet("10.0.0.0/16"), "prefix", "subnet 10.0.0.0/16 overlaps subnet 10.0.0.0/24"],
    [
      "has its gateway outside",
      subnet("10.1.0.0/24", { gateway: "10.1.1.1" }),
      "gateway",
      "gateway 10.1.1.1 of subnet 10.1.0.0/24 is not inside the subnet",
    ],
    [
      "has its gateway in the other family",
      subnet("10.1.0.0/24", { gateway: "fd00::1" }),
      "gateway",
      "gateway fd00::1 of subnet 10.1.0.0/24 is not inside the subnet",
    ],
    [
      "has the network address as gateway",
      subnet("10.1.0.0/24", { gateway: "10.1.0.0" }),
      "gateway",
      "gateway 10.1.0.0 of subnet 10.1.0.0/24 includes 10.1.0.0, which is no host's address",
    ],
    [
      "has a range that is upside down",
      subnet("10.1.0.0/24", { ranges: ["10.1.0.9-10.1.0.3"] }),
      "range",
      "range 10.1.0.9-10.1.0.3 of subnet 10.1.0.0/24 ends before it begins",
    ],
    [
      "has a range that leaves it",
      subnet("10.1.0.0/24", { ranges: ["10.1.0.9-10.1.1.3"] }),
      "range",
      "range 10.1.0.9-10.1.1.3 of subnet 10.1.0.0/24 is not inside the subnet",
    ],
    [
      "has the broadcast address in a range",
      subnet("10.1.0.0/24", { ranges: ["10.1.0.9-10.1.0.255"] }),
      "range",
      "range 10.1.0.9-10.1.0.255 of subnet 10.1.0.0/24 includes 10.1.0.255, the broadcast address",
    ],
    [
      "has an exclusion outside",
      subnet("10.1.0.0/24", { exclusions: ["10.2.0.1"] }),
      "exclusion",
      "exclusion 10.2.0.1 of subnet 10.1.0.0/24 is not inside the subnet",
    ],
  ])("a subnet that %s is refused, the field named and nothing changed", (_, bad, field, message) => {
    const pool = AddressPool.create([subnet("10.0.0.0/24")]);
    const error = failure(() => pool.addSubnet(bad));
    expect([error.code, error.details.field, error.message]).toEqual(["invalid_argument", field, message]);
    expect(pool.utilisation(0).map((one) => one.subnet)).toEqual(["10.0.0.0/24"]);
  });
});

describe("starting from stored records", () => {
  test("gives the same pool: used stays used, cooling goes on cooling, and the next address is after the highest", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/29")]);
    for (const host of [4, 1]) pool.restore(address(`10.0.0.${host}`));
    pool.restoreReleased(address("10.0.0.6"), 5000);
    pool.restoreReleased(address("10.0.0.5"), 4000);
    pool.restoreReleased(address("10.0.0.4"), 4000);
    expect(failure(() => pool.take(address("10.0.0.6"), 64_000)).details.reason).toBe("cooling");
    expect(drain(pool, "v4", 64_999)).toEqual(["10.0.0.2", "10.0.0.3", "10.0.0.5"]);
    expect(drain(pool, "v4", 65_000)).toEqual(["10.0.0.6"]);
    const other = AddressPool.create([subnet("10.0.0.0/29")]);
    for (const host of [4, 1]) other.restore(address(`10.0.0.${host}`));
    expect(other.allocate({ family: "v4", now: 0 }).address).toBe("10.0.0.5");
  });

  test("an address outside today's ranges is kept, two records of one are refused, and one in no subnet too", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/24", { ranges: ["10.0.0.9"], gateway: "10.0.0.1" })]);
    pool.restore(address("10.0.0.1"));
    pool.restore(address("10.0.0.200"));
    expect(pool.utilisation(0)).toMatchObject([{ allocatable: 1n, used: 2, free: 1n }]);
    expectFailure(() => pool.restore(address("10.0.0.200")), "address_in_use", "10.0.0.200 is on record twice");
    expect(failure(() => pool.restore(address("10.0.1.1"))).code).toBe("address_out_of_range");
  });
});

describe("a cool-down that is changed", () => {
  test("is for what is released from then on; what is cooling down goes on as it began, and nothing is forgotten", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/29")], { cooldownMilliseconds: 1000 });
    const [first, second, third] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(address);
    for (let count = 0; count < 3; count++) pool.allocate({ family: "v4", now: 0 });
    if (first === undefined || second === undefined || third === undefined) return expect.unreachable();
    pool.release(first, 0);
    pool.setCooldown(5000);
    pool.release(second, 0);
    pool.setCooldown(0);
    pool.release(third, 0);
    const states = (now: number) => [first, second, third].map((one) => pool.stateOf(one, now));
    expect(states(0)).toEqual(["cooling", "cooling", "unused"]);
    expect(states(1000)).toEqual(["unused", "cooling", "unused"]);
    expect(states(5000)).toEqual(["unused", "unused", "unused"]);
    expect(drain(pool, "v4", 1000)).toEqual(["10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.3", "10.0.0.1"]);
  });

  test("is a whole number from 0", () => {
    expect(failure(() => AddressPool.create([]).setCooldown(-1)).code).toBe("invalid_argument");
  });
});

describe("options", () => {
  test.each([-1, 1.5, Number.NaN])("a cool-down of %j ms is refused", (cooldownMilliseconds) => {
    expect(failure(() => AddressPool.create([], { cooldownMilliseconds })).code).toBe("invalid_argument");
  });

  test("a cool-down of 0 ms makes a released address free at once", () => {
    const pool = AddressPool.create([subnet("10.0.0.0/32")], { cooldownMilliseconds: 0 });
    for (let time = 0; time < 3; time++) {
      expect(drain(pool)).toEqual(["10.0.0.0"]);
      pool.release(address("10.0.0.0"), 0);
    }
  });
});
