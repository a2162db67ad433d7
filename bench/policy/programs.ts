import { Cidr, IpAddress } from "@holdfast/core";
import { from, prefixSet, program, rule, tcp } from "@holdfast/datapath/testing";
import type { PolicySet, Program, ProgramRule } from "@holdfast/policy";

/** The set of {@link withSet}. */
export const LARGE_SET = "address-set/default/large/v4";

/** Rules that nothing here matches, each about an address and a port of its own; what comes behind them is allowed. */
export function withRules(count: number, id = `default/rules-${count}`): Program {
  return programOf(id, rulesOf(count));
}

/**
 * Versions of such a program, in each of which the first rule's address is another: all others are the same objects, as those that agents make are. The last
 * one is about the set.
 */
export function createVersions(count: number, id: string): (version: number) => Program {
  const rules = [...rulesOf(count - 1), ABOUT_SET];
  return (version) => programOf(id, rules.with(0, ruleAbout(0, 0x0a64_0000 + version)));
}

function programOf(id: string, rules: readonly ProgramRule[]): Program {
  return program(id, { ingress: { main: [rules] } });
}

function rulesOf(count: number): readonly ProgramRule[] {
  return Array.from({ length: count }, (_, index) => ruleAbout(index, 0x0a63_0000 + index));
}

function ruleAbout(index: number, address: number): ProgramRule {
  const remote = from(Cidr.host(IpAddress.fromV4Number(address)));
  return rule(`rule/${index}`, "deny", { remote, services: [tcp(1000 + (index % 4000))] });
}

const ABOUT_SET = rule("rule/set", "deny", { remote: from(LARGE_SET) });

/** One rule about a set of addresses that nobody here has. */
export function withSet(): Program {
  return program("default/set", { ingress: { main: [[ABOUT_SET]] } });
}

export function largeSet(size: number): PolicySet {
  const members = Array.from({ length: size }, (_, index) => `${IpAddress.fromV4Number(0x0b00_0000 + 2 * index)}/32`);
  return prefixSet(LARGE_SET, members);
}

/** The chain of {@link iptablesText}. */
export const IPTABLES_CHAIN = "in-a-row";

/** The same rules for iptables-restore(8), in a row, in a chain of their own that goes without anything else of `FORWARD`. */
export function iptablesText(count: number): string {
  const rules = Array.from({ length: count }, (_, index) => {
    const address = IpAddress.fromV4Number(0x0a63_0000 + index);
    return `-A ${IPTABLES_CHAIN} -s ${address}/32 -p tcp --dport ${1000 + (index % 4000)} -j DROP\n`;
  });
  return `*filter\n:${IPTABLES_CHAIN} - [0:0]\n${rules.join("")}-I FORWARD -j ${IPTABLES_CHAIN}\nCOMMIT\n`;
}
