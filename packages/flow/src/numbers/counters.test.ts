import { describe, expect, test } from "vitest";
import type { RecordFields } from "../describe/record.ts";
import { createCounterTracker } from "./counters.ts";

const fields = (packets: number | null, bytes: bigint | null, ifSpeed = 10n): RecordFields => ({
  ifIndex: 4,
  ifSpeed,
  ifInUcastPkts: packets,
  ifInOctets: bytes,
  ifInBroadcastPkts: null,
});

/** Polls of one interface, of which each is `[sequence, uptime in seconds, packets, bytes]`. */
function follow(...polls: readonly (readonly [number, number, number | null, bigint | null])[]) {
  const tracker = createCounterTracker("if_counters");
  return polls.map(([sequence, seconds, packets, bytes]) =>
    tracker.observe({ sequence, uptimeMs: seconds * 1000, fields: fields(packets, bytes) }),
  );
}

const delta = (seconds: number, packets: number, bytes: number) => ({
  milliseconds: seconds * 1000,
  fields: { ifInUcastPkts: packets, ifInOctets: bytes },
});

describe("counters of an interface", () => {
  test("are told by how much they grew, and gauges and unknown ones are not", () => {
    expect(follow([1, 30, 100, 5000n], [2, 60, 150, 9000n], [4, 120, 160, 9001n])).toEqual([
      undefined,
      delta(30, 50, 4000),
      delta(60, 10, 1),
    ]);
  });

  test("of 32 bits may go around", () => {
    expect(follow([1, 30, 2 ** 32 - 10, 1n], [2, 60, 15, 2n]).at(-1)).toEqual(delta(30, 25, 1));
  });

  test("of 64 bits keep every digit", () => {
    expect(follow([1, 30, 0, 2n ** 63n], [2, 60, 0, 2n ** 63n + 3n]).at(-1)).toEqual(delta(30, 0, 3));
  });

  test("that are unknown in one of two polls are not told", () => {
    const [, second, third] = follow([1, 30, 10, 1n], [2, 60, null, 2n], [3, 90, 30, null]);
    expect([second?.fields, third?.fields]).toEqual([{ ifInOctets: 1 }, {}]);
  });

  test.each([
    { name: "exporter that began anew", poll: [1, 2, 7, 70n] },
    { name: "exporter that began anew with higher counters", poll: [1, 2, 2_000_000_000, 10n ** 12n] },
    { name: "source that began anew while its exporter went on", poll: [1, 1060, 2_000_000_000, 10n ** 12n] },
    { name: "interface whose counters began anew", poll: [502, 1060, 5, 50n] },
  ] as const)("make no spike: an $name is compared from there on", ({ poll }) => {
    const [sequence, seconds, packets, bytes] = poll;
    const next = [sequence + 1, seconds + 30, packets + 3, bytes + 300n] as const;
    expect(follow([501, 1030, 1000, 100_000n], poll, next)).toEqual([undefined, undefined, delta(30, 3, 300)]);
  });

  test("that come twice or late are left out", () => {
    const polls = follow([1, 30, 10, 10n], [3, 32, 30, 30n], [3, 32, 30, 30n], [2, 31, 20, 20n], [4, 33, 40, 40n]);
    expect(polls).toEqual([undefined, delta(2, 20, 20), undefined, undefined, delta(1, 10, 10)]);
  });

  test("have a time that wraps after 49.7 days", () => {
    const tracker = createCounterTracker("if_counters");
    tracker.observe({ sequence: 1, uptimeMs: 2 ** 32 - 1000, fields: fields(1, 1n) });
    expect(tracker.observe({ sequence: 2, uptimeMs: 4000, fields: fields(2, 2n) })).toEqual(delta(5, 1, 1));
  });
});

test("counters that nobody knows are a programmer's error", () => {
  expect(() => createCounterTracker("if_count")).toThrow("bug: no counters are named if_count");
});
