import type { RuleSet } from "../../machine/rule-set.ts";
import { GATEWAY } from "./gateway.ts";

/**
 * What holds for every endpoint's link, whatever networks there are: nobody sends from an address that is not his. An address is his when the
 * machine's route to it leads to his link, so this needs no rule per endpoint.
 */
export function guardRules(linkPrefix: string): RuleSet {
  const links = `"${linkPrefix}*"`;
  const inet = [
    "chain incoming {",
    // After fragments were put together (-400), before connections are followed (-200).
    "  type filter hook prerouting priority raw; policy accept;",
    `  iifname != ${links} accept`,
    "  ip daddr 127.0.0.0/8 drop",
    // Neighbour discovery, and the check of an address before its first use (RFC 4861, RFC 4862).
    "  ip6 saddr { ::, fe80::/10 } ip6 daddr { fe80::/10, ff02::/16 } accept",
    "  fib saddr . iif oif missing drop",
    "}",
  ];
  const arp = [
    "chain incoming {",
    "  type filter hook input priority 0; policy accept;",
    // The machine has the gateway's address for its endpoints alone.
    `  iifname != ${links} arp daddr ip ${GATEWAY.v4} drop`,
    "}",
  ];
  return {
    name: "guard",
    tables: ["inet holdfast_guard", "arp holdfast_guard"],
    chains: new Map([
      ["inet holdfast_guard", indented(inet)],
      ["arp holdfast_guard", indented(arp)],
    ]),
    forwards: [],
  };
}

export function indented(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}\n`).join("");
}
