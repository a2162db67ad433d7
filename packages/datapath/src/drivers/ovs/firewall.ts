import { createHash } from "node:crypto";
import { Cidr } from "@holdfast/core";
import { type FirewallPort, portMaps, portTranslation } from "../../machine/firewall-ports.ts";
import type { RuleSet } from "../../machine/rule-set.ts";

/** A network whose gateway this machine is. */
export interface FirewallNetwork {
  readonly tenant: string;
  /** Its gateway's link, e.g. `"hfg-n7"`. */
  readonly gateway: string;
  readonly prefixes: readonly Cidr[];
}

export interface FirewallState {
  /** E.g. `"hfg-"`. */
  readonly gatewayPrefix: string;
  /** Begins the names of the kernel driver's links on this machine, e.g. `"hfr"`. */
  readonly routedPrefix: string;
  readonly networks: readonly FirewallNetwork[];
  readonly ports: readonly FirewallPort[];
}

/** The rules of this machine as the gateway of its local networks. */
export function gatewayRules(state: FirewallState): RuleSet {
  const [first] = state.networks;
  const prefixes = state.networks.flatMap((network) => network.prefixes);
  return {
    name: "gateway",
    tables: ["inet holdfast"],
    chains: first === undefined ? new Map() : new Map([["inet holdfast", firewallRules(state)]]),
    forwards: (["v4", "v6"] as const).filter((family) => prefixes.some((prefix) => Cidr.family(prefix) === family)),
    admits: state.gatewayPrefix,
  };
}

/**
 * Keeps this machine's own stack away from links that belong to the switch.
 *
 * A switch in user space reads a copy of each frame and leaves the frame to the kernel. Without this, the machine would answer ARP for
 * its gateway addresses on endpoints' links, and take and route what endpoints send to its MAC, past all flows.
 */
export function shieldRules(links: readonly string[]): RuleSet {
  const drop = (direction: string) => links.map((link) => `    ${direction} ${quote(link)} drop\n`).join("");
  const chain = (name: string, hook: string, direction: string) =>
    `  chain ${name} {\n    type filter ${hook}; policy accept;\n${drop(direction)}  }\n`;
  const incoming = chain("incoming", "hook prerouting priority -450", "iifname");
  const outgoing = chain("outgoing", "hook output priority -450", "oifname");
  return {
    name: "shield",
    tables: ["inet holdfast_shield", "arp holdfast_shield"],
    chains: new Map([
      ["inet holdfast_shield", incoming + outgoing],
      ["arp holdfast_shield", chain("incoming", "hook input priority 0", "iifname")],
    ]),
    forwards: [],
  };
}

/** Chains of the table, as people write them. */
export function firewallRules(state: FirewallState): string {
  return [
    ...sets(state),
    ...tenantChains(state),
    ...forward(state),
    ...portTranslation(state.ports),
    ...masquerade(state),
  ]
    .map((line) => `  ${line}\n`)
    .join("");
}

function sets({ networks, ports }: FirewallState): string[] {
  const prefixes = (family: "v4" | "v6") =>
    networks.flatMap((network) => network.prefixes).filter((prefix) => Cidr.family(prefix) === family);
  return [
    ...set("prefixes4", "type ipv4_addr; flags interval; auto-merge", prefixes("v4")),
    ...set("prefixes6", "type ipv6_addr; flags interval; auto-merge", prefixes("v6")),
    ...portMaps(ports),
  ];
}

function set(name: string, type: string, elements: readonly string[]): string[] {
  const content = elements.length === 0 ? "" : ` elements = { ${elements.join(", ")} };`;
  return [`set ${name} { ${type};${content} }`];
}

/** One chain per tenant: its networks reach each other and nobody else's. */
function tenantChains({ networks, gatewayPrefix }: FirewallState): string[] {
  return [...Map.groupBy(networks, (network) => network.tenant)].flatMap(([tenant, own]) => [
    `chain ${tenantChain(tenant)} {`,
    `  oifname { ${own.map(({ gateway }) => quote(gateway)).join(", ")} } accept`,
    `  oifname ${quote(`${gatewayPrefix}*`)} ct status dnat accept`,
    `  oifname ${quote(`${gatewayPrefix}*`)} drop`,
    "}",
  ]);
}

/** Before other tables' forward chains: what is dropped here is dropped, what is accepted here is still theirs to refuse. */
function forward({ networks, gatewayPrefix }: FirewallState): string[] {
  const jumps = networks.map(({ tenant, gateway }) => `${quote(gateway)} : jump ${tenantChain(tenant)}`);
  return [
    "chain forward {",
    "  type filter hook forward priority filter - 10; policy accept;",
    `  iifname vmap { ${jumps.join(", ")} }`,
    "}",
    "chain input {",
    "  type filter hook prerouting priority raw; policy accept;",
    `  iifname ${quote(`${gatewayPrefix}*`)} ip daddr 127.0.0.0/8 drop`,
    "}",
  ];
}

function masquerade({ gatewayPrefix, routedPrefix }: FirewallState): string[] {
  const gateways = quote(`${gatewayPrefix}*`);
  return [
    "chain postrouting {",
    "  type nat hook postrouting priority srcnat; policy accept;",
    // Answers to a published port must come back through us, wherever the question came from.
    `  oifname ${gateways} ct status dnat ip saddr @prefixes4 masquerade`,
    `  oifname ${gateways} ct status dnat ip6 saddr @prefixes6 masquerade`,
    `  oifname ${gateways} ip saddr 127.0.0.0/8 masquerade`,
    `  oifname ${gateways} return`,
    // An endpoint that this machine routes to answers through it. Elsewhere nobody knows the way to a local network.
    `  oifname ${quote(`${routedPrefix}*`)} return`,
    "  ip saddr @prefixes4 masquerade",
    "  ip6 saddr @prefixes6 masquerade",
    "}",
  ];
}

function tenantChain(tenant: string): string {
  return `tenant_${createHash("sha256").update(tenant).digest("hex").slice(0, 8)}`;
}

function quote(text: string): string {
  return `"${text}"`;
}
