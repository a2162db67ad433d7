import { Cidr, IpAddress } from "@holdfast/core";
import { from, prefixSet, program, rule, tcp } from "@holdfast/datapath/testing";
import type { PolicySet, Program } from "@holdfast/policy";

/** The set of {@link withSet}. */
export const LARGE_SET = "address-set/default/large/v4";

/** Rules that nothing here matches, each about an address and a port of its own; what comes behind them is allowed. The first one's address moves. */
export function withRules(count: number, id = `default/rules-${count}`, moved = 0): Program {
  const rules = Array.from({ length: count }, (_, index) => {
    const address = IpAddress.fromV4Number(0x0a63_0000 + index + (index === 0 ? 0x0001_0000 * moved : 0));
    const remote = from(Cidr.of(address, 32));
    return rule(`rule/${index}`, "deny", { remote, services: [tcp(1000 + (index % 4000))] });
  });
  return program(id, { ingress: { main: [rules] } });
}

/** One rule about a set of addresses that nobody here has. */
export function withSet(): Program {
  return program("default/set", { ingress: { main: [[rule("rule/set", "deny", { remote: from(LARGE_SET) })]] } });
}

export function largeSet(size: number): PolicySet {
  const members = Array.from({ length: size }, (_, index) => `${IpAddress.fromV4Number(0x0b00_0000 + 2 * index)}/32`);
  return prefixSet(LARGE_SET, members);
}

/** The same rules for iptables-restore(8), in a row. */
export function iptablesText(count: number): string {
  const rules = Array.from({ length: count }, (_, index) => {
    const address = IpAddress.fromV4Number(0x0a63_0000 + index);
    return `-A FORWARD -s ${address}/32 -p tcp --dport ${1000 + (index % 4000)} -j DROP\n`;
  });
  return `*filter\n${rules.join("")}COMMIT\n`;
}
