import { IpAddress, MacAddress } from "@holdfast/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readActions, writeActions } from "./action-codec.ts";
import { FIELDS, fieldMaximum, isActionField } from "./fields.ts";
import type { Action, FieldName, Match } from "./flow.ts";
import { formatActions } from "./format.ts";
import { formatMatch } from "./format-match.ts";
import { readMatch, writeMatch } from "./match-codec.ts";
import { REGISTERS } from "./match-fields.ts";
import { ByteReader, ByteWriter } from "./wire.ts";

const names = (Object.keys(FIELDS) as (keyof typeof FIELDS)[]).filter(isActionField);
const bits = (count: number): fc.Arbitrary<bigint> => fc.bigInt(0n, (1n << BigInt(count)) - 1n);
const whole = (count: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: 2 ** count - 1 });
const mac = bits(48).map((value) =>
  MacAddress.parse(
    value
      .toString(16)
      .padStart(12, "0")
      .replace(/..(?!$)/g, "$&:"),
  ),
);
const ipv4 = bits(32).map((value) => IpAddress.fromBigInt("v4", value));
const ipv6 = bits(128).map((value) => IpAddress.fromBigInt("v6", value));
const masked = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | { value: T; mask: T }> =>
  fc.oneof(value, fc.record({ value, mask: value }));

/** Any members together: the codec does not know prerequisites. */
const anyMatch = fc.record(
  {
    inPort: whole(32),
    ethSrc: masked(mac),
    ethDst: masked(mac),
    ethType: fc.oneof(fc.constantFrom(0x0800, 0x0806, 0x86dd), whole(16)),
    vlan: fc.oneof(fc.constant("none" as const), whole(12)),
    tunnelId: bits(64),
    tunnelSource: fc.oneof(ipv4, ipv6),
    registers: fc.dictionary(fc.constantFrom(...REGISTERS), masked(whole(32))),
    metadata: masked(bits(64)),
    ipSrc: masked(ipv4),
    ipDst: masked(ipv6),
    ipProto: fc.oneof(fc.constantFrom(1, 6, 17, 58), whole(8)),
    tcpSrc: masked(whole(16)),
    udpDst: masked(whole(16)),
    arpOp: whole(16),
    arpSpa: masked(ipv4),
    arpTha: mac,
    icmpType: whole(8),
    icmpCode: whole(8),
    ndTarget: masked(ipv6),
    ndSll: mac,
    ndOptionsType: whole(8),
    sctpSrc: masked(whole(16)),
    tcpFlags: masked(whole(12)),
    ctState: fc.record({ value: whole(8), mask: whole(8) }),
    conjunction: whole(32),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Match>;

const field: fc.Arbitrary<FieldName> = fc.constantFrom(...names);
const port = fc.oneof(whole(8), fc.constantFrom(0xffff_fff8, 0xffff_fffa, 0xffff_fffd, 0xffff_fffe));
const setField = field.chain((name) =>
  fc.bigInt(0n, fieldMaximum(FIELDS[name])).map((value): Action => ({ kind: "set-field", field: name, value })),
);
const move = field.chain((from) =>
  fc
    .constantFrom(...names.filter((to) => FIELDS[to].bytes === FIELDS[from].bytes))
    .map((to): Action => ({ kind: "move", from, to })),
);
const anyAction: fc.Arbitrary<Action> = fc.oneof(
  setField,
  move,
  port.map((number): Action => ({ kind: "output", port: number })),
  fc.constantFrom(...REGISTERS).map((register): Action => ({ kind: "output-register", register })),
  whole(8).map((table): Action => ({ kind: "resubmit", table })),
  whole(12).map((vlan): Action => ({ kind: "push-vlan", vlan })),
  fc
    .tuple(whole(16), whole(8), fc.option(ipv4))
    .map(
      ([zone, table, destination]): Action =>
        destination === null ? { kind: "translate", zone, table } : { kind: "translate", zone, table, destination },
    ),
  fc.tuple(whole(16), whole(7)).map(([zone, table]): Action => ({ kind: "track", zone, table })),
  whole(32).map((mark): Action => ({ kind: "commit", mark })),
  whole(32).map((id): Action => ({ kind: "conjunction", id, clause: 2, of: 3 })),
  fc.constantFrom<Action>(
    { kind: "commit" },
    { kind: "output-in-port" },
    { kind: "normal" },
    { kind: "pop-vlan" },
    { kind: "dec-ttl" },
    // A service tag without its id.
    { kind: "opaque", layer: "action", bytes: "0011000888a80000" },
  ),
);

function throughMatch(match: Match): Match {
  const writer = new ByteWriter(8);
  writeMatch(writer, match);
  expect(writer.length % 8).toBe(0);
  return readMatch(new ByteReader(writer.finish()));
}

describe("what is written and read again", () => {
  test("is a match with the same text", () => {
    fc.assert(
      fc.property(anyMatch, (match) => {
        const read = throughMatch(match);
        expect(read.opaque).toBeUndefined();
        expect(formatMatch(read)).toBe(formatMatch(match));
        expect(throughMatch(read)).toEqual(read);
      }),
      { numRuns: 500 },
    );
  });

  test("are actions with the same text", () => {
    fc.assert(
      fc.property(fc.array(anyAction), (actions) => {
        const writer = new ByteWriter(8);
        writeActions(writer, actions);
        expect(writer.length % 8).toBe(0);
        expect(formatActions(readActions(new ByteReader(writer.finish())))).toBe(formatActions(actions));
      }),
      { numRuns: 500 },
    );
  });

  test("matches that differ in one bit have different texts", () => {
    const differing = fc.tuple(bits(128), fc.integer({ min: 0, max: 127 }));
    fc.assert(
      fc.property(differing, ([value, bit]) => {
        const of = (target: bigint): string =>
          formatMatch({ ethType: 0x86dd, ipDst: IpAddress.fromBigInt("v6", target) });
        expect(of(value)).not.toBe(of(value ^ (1n << BigInt(bit))));
      }),
    );
  });
});
