import { createHash } from "node:crypto";
import { Cidr, IpAddress } from "@holdfast/core";
import type { PublishedPort } from "@holdfast/model";

/** A network whose gateway this machine is. */
export interface FirewallNetwork {
  readonly tenant: string;
  /** Its gateway's link, e.g. `"hfg-n7"`. */
  readonly gateway: string;
  readonly prefixes: readonly Cidr[];
}

export interface FirewallPort extends PublishedPort {
  /** Of the container. */
  readonly address: IpAddress;
}

export interface FirewallState {
  /** E.g. `"hfg-"`. */
  readonly gatewayPrefix: string;
  readonly networks: readonly FirewallNetwork[];
  readonly ports: readonly FirewallPort[];
}

/** Our one table; whatever is in it is ours. */
export const NFT_TABLE = "inet holdfast";

/** The mark in the table's comment by which a restarted agent sees that it holds these rules already. */
export function firewallDigest(rules: string): string {
  return createHash("sha256").update(rules).digest("hex").slice(0, 16);
}

/** A script that replaces the whole table in one transaction; removes it when there is nothing to guard. */
export function firewallScript(state: FirewallState): string {
  const reset = `table ${NFT_TABLE}\ndelete table ${NFT_TABLE}\n`;
  if (state.networks.length === 0) return reset;
  const body = firewallRules(state);
  return `${reset}table ${NFT_TABLE} {\n  comment "${firewallDigest(body)}"\n${body}}\n`;
}

/** Chains of the table, as people write them. */
export function firewallRules(state: FirewallState): string {
  return [...sets(state), ...tenantChains(state), ...forward(state), ...published(state), ...masquerade(state)]
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

/** Two maps per family: ports of one address of the machine, and ports of all. */
function portMaps(ports: readonly FirewallPort[]): string[] {
  const entries = (family: "v4" | "v6", bound: boolean) =>
    ports
      .filter(({ address, hostAddress }) => {
        const own = hostAddress === undefined || IpAddress.family(hostAddress) === family;
        return IpAddress.family(address) === family && own && (hostAddress !== undefined) === bound;
      })
      .map(({ protocol, hostAddress, hostPort, address, containerPort }) => {
        const key = [...(hostAddress === undefined ? [] : [hostAddress]), protocol, hostPort].join(" . ");
        return `${key} : ${address} . ${containerPort}`;
      });
  const map = (name: string, type: string, elements: readonly string[]) => {
    const content = elements.length === 0 ? "" : ` elements = { ${elements.join(", ")} };`;
    return `map ${name} { type ${type};${content} }`;
  };
  return [
    map("ports4", "inet_proto . inet_service : ipv4_addr . inet_service", entries("v4", false)),
    map("bound4", "ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service", entries("v4", true)),
    map("ports6", "inet_proto . inet_service : ipv6_addr . inet_service", entries("v6", false)),
    map("bound6", "ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service", entries("v6", true)),
  ];
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

function published({ ports }: FirewallState): string[] {
  if (ports.length === 0) return [];
  const rules = [
    "  fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @bound4",
    "  fib daddr type local dnat ip to meta l4proto . th dport map @ports4",
    "  fib daddr type local dnat ip6 to ip6 daddr . meta l4proto . th dport map @bound6",
    "  fib daddr type local dnat ip6 to meta l4proto . th dport map @ports6",
  ];
  return [
    "chain prerouting {",
    "  type nat hook prerouting priority dstnat; policy accept;",
    ...rules,
    "}",
    "chain output {",
    "  type nat hook output priority dstnat; policy accept;",
    ...rules,
    "}",
  ];
}

function masquerade({ gatewayPrefix }: FirewallState): string[] {
  const gateways = quote(`${gatewayPrefix}*`);
  return [
    "chain postrouting {",
    "  type nat hook postrouting priority srcnat; policy accept;",
    // Answers to a published port must come back through us, wherever the question came from.
    `  oifname ${gateways} ct status dnat ip saddr @prefixes4 masquerade`,
    `  oifname ${gateways} ct status dnat ip6 saddr @prefixes6 masquerade`,
    `  oifname ${gateways} ip saddr 127.0.0.0/8 masquerade`,
    `  oifname ${gateways} return`,
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
