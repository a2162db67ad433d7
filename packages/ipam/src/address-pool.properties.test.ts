import { Cidr, type Family, HoldfastError, IpAddress } from "@holdfast/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AddressPool } from "./address-pool.ts";
import type { Subnet } from "./subnet-layout.ts";

const COOLDOWN = 100;

/** The rules of the pool over plain lists, with every search a walk from the beginning. */
class Model {
  readonly subnets: {
    readonly prefix: Cidr;
    readonly allocatable: IpAddress[];
    readonly ranges: IpAddress[];
    readonly gateway: IpAddress | undefined;
    /** What was given last, as a number; 0: nothing. */
    last: bigint;
  }[] = [];
  readonly used = new Set<IpAddress>();
  /** Oldest first. */
  released: { readonly address: IpAddress; readonly at: number }[] = [];

  add(prefix: Cidr, gateway: IpAddress | undefined, exclusions: readonly IpAddress[]): void {
    const all = everyAddress(prefix);
    const hosts = Cidr.family(prefix) === "v4" ? all.slice(1, -1) : all.slice(1);
    const allocatable = hosts.filter((one) => one !== gateway && !exclusions.includes(one));
    this.subnets.push({ prefix, allocatable, ranges: hosts, gateway, last: 0n });
  }

  allocate(family: Family, now: number): IpAddress | undefined {
    for (const subnet of this.subnets.filter(({ prefix }) => Cidr.family(prefix) === family)) {
      const unused = subnet.allocatable.filter((one) => !this.used.has(one) && !this.#isRemembered(one));
      const after = subnet.allocatable.filter((one) => IpAddress.toBigInt(one) > subnet.last);
      const cooled = this.released.filter(
        ({ address, at }) => subnet.allocatable.includes(address) && at + COOLDOWN <= now,
      );
      const choice = unused.find((one) => after.includes(one)) ?? unused[0] ?? cooled[0]?.address;
      if (choice === undefined) continue;
      subnet.last = IpAddress.toBigInt(choice);
      this.#use(choice);
      return choice;
    }
    return undefined;
  }

  take(address: IpAddress, now: number, formerOwner: boolean): string {
    const subnet = this.subnets.find(({ prefix }) => Cidr.contains(prefix, address));
    if (subnet === undefined) return "address_out_of_range";
    if (subnet.gateway === address) return "address_in_use";
    if (!subnet.ranges.includes(address)) return "address_out_of_range";
    if (this.used.has(address) || (!formerOwner && this.isCooling(address, now))) return "address_in_use";
    this.#use(address);
    return "taken";
  }

  release(address: IpAddress, now: number): boolean {
    if (!this.used.delete(address)) return false;
    this.released.push({ address, at: now });
    return true;
  }

  cancel(address: IpAddress): boolean {
    if (!this.used.delete(address)) return false;
    const value = IpAddress.toBigInt(address);
    const subnet = this.subnets.find(({ prefix }) => Cidr.contains(prefix, address));
    if (subnet?.last === value) subnet.last = value - 1n;
    return true;
  }

  isCooling(address: IpAddress, now: number): boolean {
    return this.released.some((one) => one.address === address && one.at + COOLDOWN > now);
  }

  remove(prefix: Cidr): boolean {
    const inside = (one: IpAddress): boolean => Cidr.contains(prefix, one);
    if ([...this.used].some(inside)) return false;
    this.released = this.released.filter(({ address }) => !inside(address));
    this.subnets.splice(0, this.subnets.length, ...this.subnets.filter((subnet) => subnet.prefix !== prefix));
    return true;
  }

  #isRemembered(address: IpAddress): boolean {
    return this.released.some((one) => one.address === address);
  }

  #use(address: IpAddress): void {
    this.released = this.released.filter((one) => one.address !== address);
    this.used.add(address);
  }
}

function everyAddress(prefix: Cidr): IpAddress[] {
  const first = IpAddress.toBigInt(Cidr.first(prefix));
  const size = Number(Cidr.size(prefix));
  return Array.from({ length: size }, (_, index) => IpAddress.fromBigInt(Cidr.family(prefix), first + BigInt(index)));
}

const PREFIXES = ["10.0.0.0/29", "10.0.0.8/29", "10.0.0.32/28", "fd00::/125", "fd00::8/125"].map((text) =>
  Cidr.parse(text),
);
const ADDRESSES = [...PREFIXES.flatMap(everyAddress), IpAddress.parse("10.0.0.16"), IpAddress.parse("fd00::ff")];

const address = fc.constantFrom(...ADDRESSES);
const command = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("allocate" as const), family: fc.constantFrom<Family>("v4", "v4", "v6") }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("take" as const), address, formerOwner: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("release" as const), address }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("wait" as const), time: fc.nat({ max: COOLDOWN }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("cancel" as const), address }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("addSubnet" as const),
      prefix: fc.constantFrom(...PREFIXES),
      gateway: fc.option(fc.nat({ max: 5 }), { nil: undefined }),
      exclusions: fc.uniqueArray(fc.nat({ max: 7 }), { maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("removeSubnet" as const), prefix: fc.constantFrom(...PREFIXES) }),
  },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

describe("an address pool against a model", () => {
  test("does and refuses what the model does, command for command", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 200, size: "max" }), (commands) => {
        const model = new Model();
        const pool = AddressPool.create([], { cooldownMilliseconds: COOLDOWN });
        let now = 0;
        for (const one of commands) {
          if (one.kind === "wait") now += one.time;
          else step(pool, model, one, now);
          checkCounts(pool, model, now);
        }
        for (const one of ADDRESSES) expect(pool.stateOf(one, now)).toBe(expectedState(model, one, now));
      }),
      { numRuns: 120 },
    );
  });
});

function step(pool: AddressPool, model: Model, command: Exclude<Command, { kind: "wait" }>, now: number): void {
  switch (command.kind) {
    case "allocate": {
      const given = outcome(() => pool.allocate({ family: command.family, now }).address);
      expect(given).toBe(model.allocate(command.family, now) ?? "pool_exhausted");
      return;
    }
    case "take": {
      const { address: wanted, formerOwner } = command;
      const taken = outcome(() => pool.take(wanted, now, { formerOwner }) && "taken");
      expect(taken).toBe(model.take(wanted, now, formerOwner));
      return;
    }
    case "release":
      expect(pool.release(command.address, now)).toBe(model.release(command.address, now));
      return;
    case "cancel":
      expect(pool.cancel(command.address)).toBe(model.cancel(command.address));
      return;
    case "addSubnet": {
      const { prefix } = command;
      if (model.subnets.some((subnet) => subnet.prefix === prefix)) return;
      const hosts = everyAddress(prefix);
      const gateway = command.gateway === undefined ? undefined : hosts[command.gateway + 1];
      const exclusions = command.exclusions.flatMap((index) => hosts[index] ?? []);
      const subnet: Subnet = { prefix, exclusions: exclusions.map((one) => ({ first: one, last: one })) };
      pool.addSubnet(gateway === undefined ? subnet : { ...subnet, gateway });
      model.add(prefix, gateway, exclusions);
      return;
    }
    case "removeSubnet": {
      const removed = outcome(() => {
        pool.removeSubnet(command.prefix);
        return true;
      });
      expect(removed).toBe(model.remove(command.prefix) || "in_use");
    }
  }
}

function checkCounts(pool: AddressPool, model: Model, now: number): void {
  const expected = model.subnets.map(({ prefix, allocatable }) => {
    const inside = (one: IpAddress): boolean => Cidr.contains(prefix, one);
    return {
      subnet: prefix,
      family: Cidr.family(prefix),
      allocatable: BigInt(allocatable.length),
      used: [...model.used].filter(inside).length,
      cooling: model.released.filter((one) => inside(one.address) && model.isCooling(one.address, now)).length,
      setAside: 0,
      free: BigInt(allocatable.filter((one) => !model.used.has(one) && !model.isCooling(one, now)).length),
    };
  });
  expect(pool.utilisation(now)).toEqual(expected);
}

function expectedState(model: Model, one: IpAddress, now: number): string {
  if (!model.subnets.some(({ prefix }) => Cidr.contains(prefix, one))) return "outside";
  if (model.used.has(one)) return "used";
  return model.isCooling(one, now) ? "cooling" : "unused";
}

/** The result, or the code of the refusal. */
function outcome<T>(run: () => T): T | string {
  try {
    return run();
  } catch (error) {
    if (error instanceof HoldfastError) return error.code;
    throw error;
  }
}
