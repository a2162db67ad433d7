import { type Identity, IpAddress, MacAddress, Name } from "@holdfast/core";
import type { Claim } from "@holdfast/model";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRows } from "../rows/rows.ts";
import { ClaimTable } from "./claim-table.ts";
import { createRecordFields } from "./record-fields.ts";

const WHERE = { tenant: Name.parse("default"), name: Name.parse("web") };

const address = fc.oneof(
  fc.nat({ max: 40 }).map((host) => IpAddress.parse(`10.0.0.${host}`)),
  fc.ipV4().map(IpAddress.parse),
  fc.ipV6().map(IpAddress.parse),
);
const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => MacAddress.fromBytes(bytes));
const at = fc
  .date({ min: new Date("2020-01-01"), max: new Date("2040-01-01"), noInvalidDate: true })
  .map((date) => date.toISOString());
const label = fc.dictionary(fc.constantFrom("env", "team"), fc.constantFrom("prod", "web"), { noNullPrototype: true });
const claim = fc
  .record(
    {
      identity: fc.nat({ max: 12 }).map((number) => `db-${number}` as Identity),
      addresses: fc.uniqueArray(address, { minLength: 1, maxLength: 32 }),
      chosenMac: mac,
      segment: fc.nat({ max: 4094 }),
      retention: fc.constantFrom<Claim["retention"]>({ kind: "reserved" }, { kind: "sticky", ttlSeconds: 60 }),
      epoch: fc.nat(),
      binding: fc.record({ node: fc.constantFrom("h1", "h2").map(Name.parse), endpoint: fc.uuid(), since: at }),
      heldFor: fc.constant(Name.parse("h1")),
      qos: fc.constant(Name.parse("gold")),
      expiresAt: at,
      labels: label,
      createdAt: at,
      revision: fc.nat(),
    },
    { requiredKeys: ["identity", "addresses", "segment", "retention", "epoch", "labels", "createdAt", "revision"] },
  )
  .map(({ chosenMac, segment, ...rest }): Claim => {
    const [first = IpAddress.parse("::")] = rest.addresses;
    const { tenant, name } = WHERE;
    return { tenant, network: name, ...rest, mac: chosenMac ?? MacAddress.ofAddress(first, segment) };
  });

describe("a table of claims", () => {
  test("gives what a map gives, and says whose an address is", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: 3 }), claim), { maxLength: 60 }), (steps) => {
        const table = new ClaimTable(createRows(), createRecordFields(), WHERE);
        const model = new Map<Identity, Claim>();
        for (const [choice, one] of steps) {
          const known = model.get(one.identity);
          // An address has one owner, as the store's keys see to.
          const free = one.addresses.filter((wanted) =>
            model.values().every((other) => other.identity === one.identity || !other.addresses.includes(wanted)),
          );
          if (choice === 0 || free.length === 0) {
            expect(table.delete(one.identity)).toEqual(known);
            model.delete(one.identity);
          } else {
            const put = { ...one, addresses: free };
            expect(table.set(put)).toEqual(known);
            model.set(one.identity, put);
            expect(table.get(one.identity)).toEqual(put);
          }
          for (const wanted of one.addresses) {
            const owner = model.values().find(({ addresses }) => addresses.includes(wanted))?.identity;
            expect([table.addresses.get(wanted), table.addresses.has(wanted)]).toEqual([owner, owner !== undefined]);
          }
        }
        const times = (claims: Iterable<Partial<Claim>>) =>
          Array.from(claims, ({ createdAt }) => String(createdAt)).sort();
        expect(times(table.pick("createdAt"))).toEqual(times(model.values()));
        const ends = model.values().filter(({ expiresAt }) => expiresAt !== undefined);
        expect(times(table.expiring())).toEqual(times(ends));
        const all = [...model.values()].flatMap(({ addresses }) => addresses).sort();
        expect([...table.addresses.keys()].sort()).toEqual(all);
        expect([table.size, table.addresses.size]).toEqual([model.size, all.length]);
      }),
    );
  });

  test.each([
    ["first", "then"],
    ["then", "first"],
  ])("passes an address on whether the new owner comes %s or %s", (order) => {
    const table = new ClaimTable(createRows(), createRecordFields(), WHERE);
    const [a, b] = [IpAddress.parse("10.0.0.1"), IpAddress.parse("10.0.0.2")];
    const [template] = fc.sample(claim, { numRuns: 1, seed: 1 });
    if (template === undefined) return expect.unreachable();
    const make = (identity: string, addresses: IpAddress[]) => ({
      ...template,
      identity: identity as Identity,
      addresses,
    });
    table.set(make("old", [a, b]));
    const commit = [make("new", [b]), make("old", [a])];
    for (const one of order === "first" ? commit : commit.toReversed()) table.set(one);
    expect([table.addresses.get(a), table.addresses.get(b), table.addresses.size]).toEqual(["old", "new", 2]);
    table.delete("old" as Identity);
    expect([table.addresses.get(a), table.addresses.get(b), table.addresses.size]).toEqual([undefined, "new", 1]);
  });
});
