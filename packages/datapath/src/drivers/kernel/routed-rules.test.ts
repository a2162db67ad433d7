import { Cidr } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { routedRules } from "./routed-rules.ts";

const network = (tenant: string, prefix: string, masquerade = false) => ({
  tenant,
  prefixes: [Cidr.parse(prefix)],
  masquerade,
});
const rulesOf = (...networks: ReturnType<typeof network>[]) =>
  routedRules({ linkPrefix: "hfr", networks, ports: [] }).chains.get("inet holdfast_routed") ?? "";

describe("the rules of routed networks", () => {
  test("masquerade what leaves those that ask for it, but not what goes to another routed network", () => {
    const rules = rulesOf(network("default", "10.20.0.0/16", true), network("red", "10.30.0.0/16"));
    expect(rules).toContain(
      "set masqueraded4 { type ipv4_addr; flags interval; auto-merge; elements = { 10.20.0.0/16 }; }",
    );
    expect(rules).toContain("ip saddr @masqueraded4 ip daddr != @prefixes4 masquerade");
    expect(rules).toContain("elements = { 10.20.0.0/16, 10.30.0.0/16 }");
    expect(rules).not.toContain("ip6");
  });

  test("masquerade nothing unasked", () => {
    expect(rulesOf(network("default", "10.20.0.0/16"), network("red", "fd00::/64"))).not.toContain("masquerade");
  });
});
