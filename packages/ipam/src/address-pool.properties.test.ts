import { Cidr, type Family, HoldfastError, IpAddress } from "@holdfast/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AddressPool } from "./address-pool.ts";
import type { OwnRange, Subnet } from "./subnet-layout.ts";

const COOLDOWN = 100;

interface Owner {
  readonly owner?: string;
}

interface Stretch {
  readonly first: IpAddress;
  readonly last: IpAddress;
}

/** The rules of the pool over plain lists, with every search a walk from the beginning. */
class Model {
  readonly subnets: {
    readonly prefix: Cidr;
    readonly allocatable: IpAddress[];
    readonly ranges: IpAddress[];
    readonly gateway: IpAddress | undefined;
    /** Whose an address is. */
    readonly owners: ReadonlyMap<IpAddress, string>;
    /** What each owner was given last, as a number; the empty name is everybody. */
    readonly last: Map<string, bigint>;
  }[] = [];
  readonly used = new Set<IpAddress>();
  /** Oldest first. */
  released: { readonly address: IpAddress; readonly at: number }[] = [];

  add(prefix: Cidr, gateway: IpAddress | undefined, exclusions: readonly IpAddress[], own: readonly OwnRange[]): void {
    const all = everyAddress(prefix);
    const hosts = Cidr.family(prefix) === "v4" ? all.slice(1, -1) : all.slice(1);
    const allocatable = hosts.filter((one) => one !== gateway && !exclusions.includes(one));
    const owners = new Map(
      own.flatMap(({ owner, ...range }) => hosts.filter(inside(range)).map((one) => [one, owner])),
    );
    this.subnets.push({ prefix, allocatable, ranges: hosts, gateway, owners, last: new Map() });
  }

  allocate(family: Family, now: number, { owner, within }: Owner & { readonly within?: Stretch }): string {
    const covering = within && this.subnets.find(({ prefix }) => Cidr.contains(prefix, within.first));
    if (within !== undefined && (covering === undefined || !Cidr.contains(covering.prefix, within.last))) {
      return "address_out_of_range";
    }
    const ofFamily = this.subnets.filter(({ prefix }) => Cidr.family(prefix) === family);
    const candidates = (covering === undefined ? ofFamily : [covering]).filter(
      ({ owners }) => owner === undefined || [...owners.values()].includes(owner),
    );
    if (candidates.length === 0 && owner !== undefined) return "not_found";
    for (const subnet of candidates) {
      const share = subnet.allocatable
        .filter((one) => subnet.owners.get(one) === owner)
        .filter(within === undefined ? () => true : inside(within));
      const unused = share.filter((one) => !this.used.has(one) && !this.#isRemembered(one));
      const last = within === undefined ? (subnet.last.get(owner ?? "") ?? 0n) : 0n;
      const after = unused.find((one) => IpAddress.toBigInt(one) > last);
      const cooled = this.released.filter(({ address, at }) => share.includes(address) && at + COOLDOWN <= now);
      const inOrder =
        within === undefined ? cooled : cooled.toSorted((a, b) => a.at - b.at || order(a.address, b.address));
      const choice = after ?? unused[0] ?? inOrder[0]?.address;
      if (choice === undefined) continue;
      if (within === undefined) subnet.last.set(owner ?? "", IpAddress.toBigInt(choice));
      this.#use(choice);
      return choice;
    }
    return "pool_exhausted";
  }

  take(address: IpAddress, now: number, { formerOwner, owner }: Owner & { readonly formerOwner: boolean }): string {
    const subnet = this.subnets.find(({ prefix }) => Cidr.contains(prefix, address));
    if (subnet === undefined) return "address_out_of_range";
    if (subnet.gateway === address) return "address_in_use";
    if (!subnet.ranges.includes(address)) return "address_out_of_range";
    if (subnet.owners.has(address) && subnet.owners.get(address) !== owner) return "address_in_use";
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
    const share = subnet?.owners.get(address);
    const last = subnet?.last.get(share ?? "") ?? 0n;
    if (subnet?.allocatable.includes(address) !== true || last < value) return true;
    const isBetween = (one: IpAddress): boolean =>
      subnet.owners.get(one) === share && value < IpAddress.toBigInt(one) && IpAddress.toBigInt(one) <= last;
    const between = subnet.allocatable.filter(isBetween);
    if (between.every((one) => this.used.has(one) || this.#isRemembered(one))) subnet.last.set(share ?? "", value - 1n);
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

const inside =
  ({ first, last }: Stretch) =>
  (one: IpAddress): boolean =>
    order(first, one) <= 0 && order(one, last) <= 0 && IpAddress.family(one) === IpAddress.family(first);

function order(one: IpAddress, other: IpAddress): number {
  return Number(IpAddress.toBigInt(one) - IpAddress.toBigInt(other));
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
const owner = fc.option(fc.constantFrom("a", "b"), { nil: undefined, freq: 2 });
/** Inside a prefix, or out of it. */
const stretch = fc
  .record({ prefix: fc.constantFrom(...PREFIXES), from: fc.nat({ max: 7 }), size: fc.nat({ max: 6 }) })
  .map(({ prefix, from, size }) => {
    const start = IpAddress.toBigInt(Cidr.first(prefix)) + BigInt(from);
    const [first, last] = [start, start + BigInt(size)].map((one) => IpAddress.fromBigInt(Cidr.family(prefix), one));
    return { first: first ?? Cidr.first(prefix), last: last ?? Cidr.first(prefix) };
  });
const command = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("allocate" as const),
      family: fc.constantFrom<Family>("v4", "v4", "v6"),
      owner,
      within: fc.option(stretch, { nil: undefined, freq: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("take" as const), address, formerOwner: fc.boolean(), owner }),
  },
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
      own: fc.array(fc.record({ first: fc.nat({ max: 4 }), owner: fc.constantFrom("a", "b") }), { maxLength: 2 }),
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
      const { owner: asks, within } = command;
      const family = within === undefined ? command.family : IpAddress.family(within.first);
      const wanted = { ...(asks === undefined ? {} : { owner: asks }), ...(within === undefined ? {} : { within }) };
      const given = outcome(() => pool.allocate({ family, now, ...wanted }).address);
      expect(given).toBe(model.allocate(family, now, wanted));
      return;
    }
    case "take": {
      const { address: wanted, formerOwner, owner: asks } = command;
      const by = { formerOwner, ...(asks === undefined ? {} : { owner: asks }) };
      const taken = outcome(() => pool.take(wanted, now, by) && "taken");
      expect(taken).toBe(model.take(wanted, now, by));
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
      const usable = Cidr.family(prefix) === "v4" ? hosts.slice(1, -1) : hosts.slice(1);
      // Two addresses each; what would overlap is left out.
      const ownRanges = command.own
        .filter(({ first }, index, all) => index === 0 || Math.abs(first - (all[0]?.first ?? 0)) > 1)
        .flatMap(({ first, owner: of }) => {
          const [from, to] = usable.slice(first, first + 2);
          return from === undefined || to === undefined ? [] : [{ first: from, last: to, owner: of }];
        });
      const excluded = exclusions.map((one) => ({ first: one, last: one }));
      const subnet: Subnet = { prefix, exclusions: excluded, ownRanges };
      pool.addSubnet(gateway === undefined ? subnet : { ...subnet, gateway });
      model.add(prefix, gateway, exclusions, ownRanges);
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
  const expected = model.subnets.map(({ prefix, allocatable, owners }) => {
    const within = (one: IpAddress): boolean => Cidr.contains(prefix, one);
    const free = allocatable.filter((one) => !model.used.has(one) && !model.isCooling(one, now));
    return {
      subnet: prefix,
      family: Cidr.family(prefix),
      allocatable: BigInt(allocatable.length),
      used: [...model.used].filter(within).length,
      cooling: model.released.filter((one) => within(one.address) && model.isCooling(one.address, now)).length,
      setAside: 0,
      free: BigInt(free.filter((one) => !owners.has(one)).length),
      own: [...new Set(owners.values())].map((name) => ({
        owner: name,
        allocatable: BigInt(allocatable.filter((one) => owners.get(one) === name).length),
        free: BigInt(free.filter((one) => owners.get(one) === name).length),
      })),
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
