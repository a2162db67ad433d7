import { Cidr, IpAddress } from "@holdfast/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PrefixSet } from "./prefix-set.ts";
import { outermost, without } from "./prefixes.ts";

const prefix = fc
  .tuple(fc.integer({ min: 0, max: 63 }), fc.integer({ min: 24, max: 32 }))
  .map(([host, length]) => Cidr.of(IpAddress.parse(`10.0.0.${host}`), length));
const v6 = fc
  .tuple(fc.integer({ min: 0, max: 63 }), fc.constantFrom(0, 16, 120, 124, 126, 128))
  .map(([host, length]) => Cidr.of(IpAddress.parse(`fd00::${host.toString(16)}`), length));
const texts = (prefixes: Iterable<Cidr>) => [...prefixes].sort();

describe.each([
  ["v4", prefix],
  ["v6", v6],
] as const)("a set of %s prefixes", (family, member) => {
  test("tells of every change which outermost members come and go", () => {
    const step = fc.record({ add: fc.boolean(), member });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const set = new PrefixSet(family);
        const plain: Cidr[] = [];
        const told = new Set<Cidr>();
        for (const { add, member } of steps) {
          const change = add ? set.add(member) : set.delete(member);
          if (add) plain.push(member);
          else if (plain.includes(member)) plain.splice(plain.indexOf(member), 1);
          for (const gone of change.remove) expect(told.delete(gone)).toBe(true);
          for (const come of change.add) expect(told.has(come)).toBe(false);
          for (const come of change.add) told.add(come);
          expect(texts(told)).toEqual(texts(outermost(plain)));
          expect(texts(set.outermost())).toEqual(texts(told));
          expect(set.size).toBe(new Set(plain).size);
          const address = Cidr.first(member);
          expect(set.has(address)).toBe(plain.some((one) => Cidr.contains(one, address)));
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("prefixes", () => {
  test("without others are what is left, and nothing twice", () => {
    fc.assert(
      fc.property(prefix, fc.array(prefix, { maxLength: 5 }), (whole, others) => {
        const rest = without(whole, others);
        expect(outermost(rest)).toHaveLength(rest.length);
        for (let host = 0; host < 64; host++) {
          const address = IpAddress.parse(`10.0.0.${host}`);
          const expected = Cidr.contains(whole, address) && !others.some((other) => Cidr.contains(other, address));
          expect(rest.filter((one) => Cidr.contains(one, address))).toHaveLength(expected ? 1 : 0);
        }
      }),
    );
  });

  test("of one family take nothing from the other", () => {
    expect(without(Cidr.parse("10.0.0.0/8"), [Cidr.parse("::/0")])).toEqual(["10.0.0.0/8"]);
    expect(without(Cidr.parse("::/0"), [Cidr.parse("::/1")])).toEqual(["8000::/1"]);
  });
});
