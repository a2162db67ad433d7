import { IpAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import type { Flow, Match } from "./flow.ts";
import { flowKey, formatFlow } from "./format.ts";
import { SAMPLE_FLOWS } from "./testing/sample-flows.ts";

const ip = IpAddress.parse;
const withMatch = (match: Match): Flow => ({ table: 0, priority: 5, cookie: 0n, match, actions: [] });

describe("the text of a flow", () => {
  // The compliance suite compares the same flows with what the real ovs-ofctl prints.
  test("is that of ovs-ofctl for every field and action", async () => {
    await expect(`${SAMPLE_FLOWS.map(formatFlow).join("\n")}\n`).toMatchFileSnapshot("testing/sample-flows.golden");
  });

  test("tells all sample flows apart", () => {
    expect(new Set(SAMPLE_FLOWS.map(flowKey)).size).toBe(SAMPLE_FLOWS.length);
  });

  test.each<[string, Match, Match]>([
    ["bits outside the mask", ip4("10.1.2.3", "255.0.0.0"), ip4("10.0.0.0", "255.0.0.0")],
    ["a mask of all ones", ip4("10.1.2.3", "255.255.255.255"), { ethType: 0x0800, ipDst: ip("10.1.2.3") }],
    ["a mask of all zeros", ip4("10.1.2.3", "0.0.0.0"), { ethType: 0x0800 }],
    ["the order of members", { inPort: 1, ethType: 0x0800 }, { ethType: 0x0800, inPort: 1 }],
    ["no registers", { registers: {} }, {}],
  ])("does not depend on %s", (_, one, other) => {
    expect(formatFlow(withMatch(one))).toBe(formatFlow(withMatch(other)));
    expect(flowKey(withMatch(one))).toBe(flowKey(withMatch(other)));
  });

  test("the key knows neither cookie nor actions", () => {
    const flow = withMatch({ inPort: 1 });
    expect(flowKey({ ...flow, cookie: 9n, actions: [{ kind: "normal" }] } as Flow)).toBe(flowKey(flow));
    expect(flowKey(flow)).not.toBe(flowKey({ ...flow, priority: 6 }));
    expect(flowKey(flow)).not.toBe(flowKey({ ...flow, table: 1 }));
  });

  test("an address of the wrong family is an error, not another field", () => {
    const wrong = withMatch({ ethType: 0x0806, arpTpa: ip("fd00::1") });
    expect(() => formatFlow(wrong)).toThrow("arp_tpa takes an IPv4 address, not fd00::1");
  });
});

function ip4(value: string, mask: string): Match {
  return { ethType: 0x0800, ipDst: { value: ip(value), mask: ip(mask) } };
}
