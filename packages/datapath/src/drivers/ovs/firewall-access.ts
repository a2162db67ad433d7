import { type FirewallPort, portMaps, portTranslation } from "../../machine/firewall-ports.ts";
import type { RuleSet } from "../../machine/rule-set.ts";

export interface AccessState {
  /** E.g. `"hfg-"`. */
  readonly gatewayPrefix: string;
  /** The machine's port among its containers, e.g. `"hfg-host"`. */
  readonly link: string;
  /** Their addresses are those that stand for containers, all IPv4. */
  readonly ports: readonly FirewallPort[];
}

/**
 * The rules of a machine whose networks are behind an uplink: published ports lead to containers, and nothing else goes between them and
 * the machine's own stack. The same rule set as that of a machine that is a gateway, in its place.
 */
export function accessRules({ gatewayPrefix, link, ports }: AccessState): RuleSet {
  return {
    name: "gateway",
    tables: ["inet holdfast"],
    chains: ports.length === 0 ? new Map() : new Map([["inet holdfast", chains(link, ports)]]),
    forwards: ports.length === 0 ? [] : ["v4"],
    admits: gatewayPrefix,
  };
}

function chains(link: string, ports: readonly FirewallPort[]): string {
  return [
    ...portMaps(ports),
    // A container may answer, and begin nothing: neither with this machine nor through it.
    "chain incoming {",
    "  type filter hook prerouting priority mangle; policy accept;",
    `  iifname "${link}" ct state established,related accept`,
    `  iifname "${link}" drop`,
    "}",
    "chain outgoing {",
    "  type filter hook postrouting priority filter; policy accept;",
    `  oifname "${link}" ct status dnat accept`,
    `  oifname "${link}" drop`,
    "}",
    ...portTranslation(ports),
    // Answers come back only from where the container sees the question come from.
    "chain postrouting {",
    "  type nat hook postrouting priority srcnat; policy accept;",
    `  oifname "${link}" masquerade`,
    "}",
  ]
    .map((line) => `  ${line}\n`)
    .join("");
}
