import { Cidr, type IpAddress, isHoldfastError } from "@holdfast/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AddressPool } from "./address-pool.ts";
import type { Subnet } from "./subnet-layout.ts";

const at = (last: number) => `10.20.0.${last}` as IpAddress;
const range = (first: number, last: number) => ({ first: at(first), last: at(last) });
const PREFIX = Cidr.parse("10.20.0.0/24");
const v4 = { family: "v4" as const, now: 0 };

function pool(subnet: Partial<Subnet> = {}): AddressPool {
  return AddressPool.create([{ prefix: PREFIX, gateway: at(1), ...subnet }], { cooldownMilliseconds: 100 });
}

const block = (from: AddressPool, now = 0, size = 16) =>
  from.freeBlock({ family: "v4", size, subnets: from.utilisation(now).map(({ subnet }) => subnet), now });

const reason = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return isHoldfastError(error, "address_in_use") ? error.details.reason : error;
  }
};

describe("addresses that are set aside", () => {
  test("are given to nobody automatically, and by name only to their owner", () => {
    const addresses = pool({ ranges: [range(16, 47)] });
    addresses.setAside(range(16, 31), "node h1");
    const given = Array.from({ length: 16 }, () => addresses.allocate(v4).address);
    expect(given).toEqual(Array.from({ length: 16 }, (_, index) => at(32 + index)));
    expect(() => addresses.allocate(v4)).toThrow("no v4 address is free");
    expect(reason(() => addresses.take(at(16), 0))).toBe("set-aside");
    expect(reason(() => addresses.take(at(16), 0, { owner: "node h2" }))).toBe("set-aside");
    expect(addresses.take(at(16), 0, { owner: "node h1" }).address).toBe(at(16));
    expect(reason(() => addresses.take(at(16), 0, { owner: "node h1" }))).toBe("used");
  });

  test("say who they belong to, and count apart", () => {
    const addresses = pool();
    addresses.setAside(range(16, 31), "node h1");
    addresses.take(at(17), 0, { owner: "node h1" });
    expect([at(16), at(17), at(32)].map((one) => addresses.stateOf(one, 0))).toEqual(["set-aside", "used", "unused"]);
    expect([at(16), at(17), at(32)].map((one) => addresses.ownerOf(one))).toEqual(["node h1", "node h1", undefined]);
    expect(addresses.utilisation(0)).toMatchObject([{ used: 1, cooling: 0, setAside: 15, free: 253n - 16n }]);
  });

  test("are their owner's again when they are released, at once", () => {
    const addresses = pool();
    addresses.setAside(range(16, 31), "node h1");
    addresses.take(at(17), 0, { owner: "node h1" });
    addresses.release(at(17), 0);
    expect(addresses.stateOf(at(17), 0)).toBe("set-aside");
    expect(addresses.take(at(17), 0, { owner: "node h1" }).address).toBe(at(17));
    addresses.cancel(at(17));
    expect(addresses.stateOf(at(17), 0)).toBe("set-aside");
  });

  test("stay in use when they are, and become the owner's later", () => {
    const addresses = pool();
    addresses.take(at(20), 0);
    addresses.setAside(range(16, 31), "node h1");
    expect(addresses.stateOf(at(20), 0)).toBe("used");
    addresses.release(at(20), 0);
    expect(addresses.stateOf(at(20), 0)).toBe("set-aside");
  });

  test("cool down when they are given up, but for those in use", () => {
    const addresses = pool({ ranges: [range(16, 31)] });
    addresses.setAside(range(16, 31), "node h1");
    addresses.take(at(17), 0, { owner: "node h1" });
    addresses.giveUp(range(16, 31), 50);
    expect([at(16), at(17)].map((one) => addresses.stateOf(one, 149))).toEqual(["cooling", "used"]);
    expect(() => addresses.allocate({ family: "v4", now: 149 })).toThrow("the next is free in");
    expect(addresses.allocate({ family: "v4", now: 150 }).address).toBe(at(16));
    addresses.release(at(17), 200);
    expect(addresses.stateOf(at(17), 200)).toBe("cooling");
  });

  test("can be given up in part", () => {
    const addresses = pool();
    addresses.setAside(range(16, 31), "node h1");
    addresses.giveUp(range(20, 20), 0);
    expect([19, 20, 21].map((last) => addresses.ownerOf(at(last)))).toEqual(["node h1", undefined, "node h1"]);
  });

  test("have one owner", () => {
    const addresses = pool();
    addresses.setAside(range(16, 31), "node h1");
    addresses.setAside(range(16, 31), "node h1");
    expect(addresses.utilisation(0)).toMatchObject([{ setAside: 16 }]);
    expect(reason(() => addresses.setAside(range(24, 40), "node h2"))).toBe("set-aside");
    expect(addresses.ownerOf(at(40))).toBeUndefined();
  });

  test("survive a change of ranges, and a start from records in either order", () => {
    const addresses = pool();
    addresses.setAside(range(16, 31), "node h1");
    addresses.restore(at(18));
    expect(addresses.stateOf(at(18), 0)).toBe("used");
    addresses.addSubnet({ prefix: PREFIX, gateway: at(1), exclusions: [range(40, 49)] });
    expect(addresses.utilisation(0)).toMatchObject([{ used: 1, setAside: 15, free: 253n - 16n - 10n }]);
  });
});

describe("a free block", () => {
  test("is an aligned part of which nothing is in use, away from the addresses that are given one by one", () => {
    expect(block(pool())).toEqual({ prefix: "10.20.0.128/28", ranges: [range(128, 143)] });
  });

  test("leaves out gateway, exclusions and what is no host's address", () => {
    const addresses = pool({ ranges: [range(2, 30)], exclusions: [range(9, 10)] });
    expect(block(addresses)).toEqual({ prefix: "10.20.0.0/28", ranges: [range(2, 8), range(11, 15)] });
  });

  test("is not one of which less than half may be given", () => {
    expect(block(pool({ ranges: [range(10, 22)] }))).toBeUndefined();
    expect(block(pool({ ranges: [range(10, 23)] }))?.prefix).toBe("10.20.0.16/28");
  });

  test("is each time another one, until there is none", () => {
    const addresses = pool();
    addresses.allocate(v4);
    const found: string[] = [];
    for (let one = block(addresses); one !== undefined; one = block(addresses)) {
      found.push(one.prefix);
      for (const part of one.ranges) addresses.setAside(part, "node h1");
    }
    expect(found.map((prefix) => Number(prefix.split(/[./]/)[3]))).toEqual([
      128, 144, 160, 176, 192, 208, 224, 240, 16, 32, 48, 64, 80, 96, 112,
    ]);
  });

  test("has nothing in it that cools down, but may have what has cooled", () => {
    const addresses = pool({ ranges: [range(16, 31)] });
    addresses.take(at(20), 0);
    expect(block(addresses)).toBeUndefined();
    addresses.release(at(20), 0);
    expect(block(addresses, 99)).toBeUndefined();
    expect(block(addresses, 100)?.prefix).toBe("10.20.0.16/28");
  });

  test("is found in a v6 prefix at once, and not in a subnet that is smaller", () => {
    const six = AddressPool.create([{ prefix: Cidr.parse("fd00:20::/64") }]);
    const found = six.freeBlock({ family: "v6", size: 16, subnets: [Cidr.parse("fd00:20::/64")], now: 0 });
    expect(found?.prefix).toBe("fd00:20::1:0/124");
    expect(block(AddressPool.create([{ prefix: Cidr.parse("10.20.0.0/29") }]))).toBeUndefined();
  });

  test("costs no walk through a large subnet that is full: the search goes on where the last one ended", () => {
    const large = AddressPool.create([{ prefix: Cidr.parse("10.0.0.0/14") }], { cooldownMilliseconds: 0 });
    for (let slot = 0; slot < 16_384; slot++) {
      if (slot !== 3000) large.take(`10.${slot >> 12}.${(slot >> 4) & 255}.${(slot & 15) * 16 + 5}` as IpAddress, 0);
    }
    const tries = Array.from({ length: 4 }, () => block(large)?.prefix);
    expect(tries.filter((prefix) => prefix !== undefined)).toEqual(["10.0.187.128/28"]);
  });
});

describe("pools with addresses set aside", () => {
  const last = fc.integer({ min: 0, max: 63 });
  const step = fc.oneof(
    fc.record({ kind: fc.constant("allocate" as const) }),
    fc.record({ kind: fc.constantFrom("take" as const, "release" as const), last, owner: fc.constantFrom("a", "b") }),
    fc.record({ kind: fc.constantFrom("block" as const, "give up" as const), owner: fc.constantFrom("a", "b") }),
  );

  test("give no address twice, and none to another than its owner, whatever happens", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const prefix = Cidr.parse("10.20.0.0/26");
        const addresses = AddressPool.create([{ prefix, gateway: at(1) }], { cooldownMilliseconds: 5 });
        const used = new Set<IpAddress>();
        const owners = new Map<IpAddress, string>();
        const give = (address: IpAddress, owner: string | undefined) => {
          expect(used.has(address)).toBe(false);
          expect(owners.get(address) ?? owner).toBe(owner);
          used.add(address);
        };
        for (const [now, one] of steps.entries()) {
          if (one.kind === "allocate") {
            if ((addresses.utilisation(now)[0]?.free ?? 0n) > 0n)
              give(addresses.allocate({ family: "v4", now }).address, undefined);
          } else if (one.kind === "take") {
            const address = at(one.last);
            try {
              addresses.take(address, now, { owner: one.owner });
            } catch {
              continue;
            }
            give(address, owners.get(address) === undefined ? undefined : one.owner);
          } else if (one.kind === "release") {
            expect(addresses.release(at(one.last), now)).toBe(used.delete(at(one.last)));
          } else if (one.kind === "block") {
            const found = block(addresses, now, 8);
            for (const part of found?.ranges ?? []) {
              addresses.setAside(part, one.owner);
              for (const address of each(part)) {
                expect(used.has(address)).toBe(false);
                expect(owners.has(address)).toBe(false);
                owners.set(address, one.owner);
              }
            }
          } else {
            for (const [address, owner] of owners) {
              if (owner !== one.owner) continue;
              addresses.giveUp({ first: address, last: address }, now);
              owners.delete(address);
            }
          }
          const idle = [...owners.keys()].filter((address) => !used.has(address)).length;
          expect(addresses.utilisation(now)[0]).toMatchObject({ used: used.size, setAside: idle });
          const { cooling = 0, free = 0n, allocatable = 0n } = addresses.utilisation(now)[0] ?? {};
          expect(BigInt(used.size + idle + cooling) + free).toBe(allocatable);
        }
      }),
      { seed: 20_260_101, numRuns: 300 },
    );
  });
});

function each({ first, last }: { readonly first: IpAddress; readonly last: IpAddress }): IpAddress[] {
  const [from, to] = [first, last].map((address) => Number(address.split(".")[3]));
  return Array.from({ length: (to ?? 0) - (from ?? 0) + 1 }, (_, index) => at((from ?? 0) + index));
}
