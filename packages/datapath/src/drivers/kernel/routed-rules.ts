import { createHash } from "node:crypto";
import { Cidr, type Family } from "@holdfast/core";
import { type FirewallPort, portMaps, portTranslation } from "../../machine/firewall-ports.ts";
import type { RuleSet } from "../../machine/rule-set.ts";
import { indented } from "./guard.ts";
import { POLICY_GROUP } from "./policy/names.ts";

/** A network that this machine routes to: its endpoints, or, where the machine is its gateway, its link. */
export interface RoutedNetwork {
  readonly tenant: string;
  readonly prefixes: readonly Cidr[];
  /** What leaves the routed networks gets this machine's address. */
  readonly masquerade: boolean;
}

export interface RoutedState {
  /** Begins the names of endpoints' links, e.g. `"hfr"`. */
  readonly linkPrefix: string;
  readonly networks: readonly RoutedNetwork[];
  readonly ports: readonly FirewallPort[];
}

const FAMILIES = ["v4", "v6"] as const;
const WORDS = {
  v4: { protocol: "ip", type: "ipv4_addr", suffix: "4" },
  v6: { protocol: "ip6", type: "ipv6_addr", suffix: "6" },
} as const;

/** Who may reach whom, and published ports, of networks that this machine routes. Empty when there are none. */
export function routedRules(state: RoutedState): RuleSet {
  const families = FAMILIES.filter((family) => prefixesOf(state.networks, family).length > 0);
  return {
    name: "routed",
    tables: ["inet holdfast_routed"],
    chains: families.length === 0 ? new Map() : new Map([["inet holdfast_routed", chains(state, families)]]),
    forwards: families,
    admits: state.linkPrefix,
  };
}

function chains(state: RoutedState, families: readonly Family[]): string {
  const tenants = Map.groupBy(state.networks, (network) => network.tenant);
  return indented([
    ...families.map((family) => prefixSet("prefixes", family, prefixesOf(state.networks, family))),
    ...apart(state.linkPrefix),
    ...[...tenants].flatMap(([tenant, own]) => tenantChain(tenant, own, families)),
    ...forward(tenants, families),
    ...portMaps(state.ports),
    ...portTranslation(state.ports),
    ...masquerade(state.networks, families),
    ...(state.ports.length === 0 ? [] : answers(state.linkPrefix, families)),
  ]);
}

/** One chain per tenant: its networks reach each other, and no other tenant's. */
function tenantChain(tenant: string, own: readonly RoutedNetwork[], families: readonly Family[]): string[] {
  const name = chainName(tenant);
  const sets = families.map((family) => prefixSet(name, family, prefixesOf(own, family)));
  const rules = families.flatMap((family) => {
    const { protocol, suffix } = WORDS[family];
    return [`  ${protocol} daddr @${name}${suffix} accept`, `  ${protocol} daddr @prefixes${suffix} goto apart`];
  });
  return [...sets, `chain ${name} {`, ...rules, "}"];
}

/**
 * Tenants are kept apart by the policies of their endpoints, which let by contract what both ends allow, and here where an end that is on this machine
 * has none.
 */
function apart(linkPrefix: string): string[] {
  const links = `"${linkPrefix}*"`;
  return [
    "chain apart {",
    `  iifgroup ${POLICY_GROUP} oifgroup ${POLICY_GROUP} accept`,
    `  iifgroup ${POLICY_GROUP} oifname != ${links} accept`,
    `  iifname != ${links} oifgroup ${POLICY_GROUP} accept`,
    "  drop",
    "}",
  ];
}

/** By the sender's address, which the guard has found to be his: the same on the machine he is on and on the one he reaches. */
function forward(tenants: ReadonlyMap<string, readonly RoutedNetwork[]>, families: readonly Family[]): string[] {
  const jumps = families.map((family) => {
    const entries = [...tenants].flatMap(([tenant, own]) =>
      prefixesOf(own, family).map((prefix) => `${prefix} : jump ${chainName(tenant)}`),
    );
    return `  ${WORDS[family].protocol} saddr vmap { ${entries.join(", ")} }`;
  });
  return [
    "chain forward {",
    "  type filter hook forward priority filter - 10; policy accept;",
    // What goes on was let through when it began; policies cut what they do not let any more.
    "  ct state established,related accept",
    // Whoever may reach the machine may use its published ports.
    "  ct status dnat accept",
    ...jumps,
    "}",
  ];
}

/** On request. What goes to other nodes' endpoints keeps its address, by which they know whose it is. */
function masquerade(networks: readonly RoutedNetwork[], families: readonly Family[]): string[] {
  const masqueraded = networks.filter((network) => network.masquerade);
  const concerned = families.filter((family) => prefixesOf(masqueraded, family).length > 0);
  if (concerned.length === 0) return [];
  const rules = concerned.map((family) => {
    const { protocol, suffix } = WORDS[family];
    return `  ${protocol} saddr @masqueraded${suffix} ${protocol} daddr != @prefixes${suffix} masquerade`;
  });
  const priority = "  type nat hook postrouting priority srcnat; policy accept;";
  return [
    ...concerned.map((family) => prefixSet("masqueraded", family, prefixesOf(masqueraded, family))),
    "chain leaving {",
    priority,
    ...rules,
    "}",
  ];
}

/** An endpoint that asks for its own published port, and this machine by its loopback, must be answered through the machine. */
function answers(linkPrefix: string, families: readonly Family[]): string[] {
  return [
    "chain postrouting {",
    "  type nat hook postrouting priority srcnat; policy accept;",
    `  oifname != "${linkPrefix}*" accept`,
    ...families.map((family) => {
      const { protocol, suffix } = WORDS[family];
      return `  ct status dnat ${protocol} saddr @prefixes${suffix} masquerade`;
    }),
    "  ip saddr 127.0.0.0/8 masquerade",
    "}",
  ];
}

function prefixSet(name: string, family: Family, prefixes: readonly Cidr[]): string {
  const { type, suffix } = WORDS[family];
  const elements = prefixes.length === 0 ? "" : ` elements = { ${prefixes.join(", ")} };`;
  return `set ${name}${suffix} { type ${type}; flags interval; auto-merge;${elements} }`;
}

function prefixesOf(networks: readonly RoutedNetwork[], family: Family): Cidr[] {
  return networks.flatMap(({ prefixes }) => prefixes).filter((prefix) => Cidr.family(prefix) === family);
}

function chainName(tenant: string): string {
  return `tenant_${createHash("sha256").update(tenant).digest("hex").slice(0, 8)}`;
}
