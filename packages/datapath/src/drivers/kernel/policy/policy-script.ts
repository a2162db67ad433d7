import type { Direction } from "@holdfast/policy";
import type { ProgramChains } from "./chain-book.ts";
import {
  CLOSED_TABLE,
  CUT_MARK,
  contentHash,
  endpointMap,
  isNamedByRules,
  type Mode,
  POLICY_GROUP,
  POLICY_TABLE,
} from "./names.ts";
import { INVALID_COUNTER } from "./program-chains.ts";

/** The counter of packets of connections that were allowed once and are denied now. */
export const CUT_COUNTER = "guard/cut";

const PLACES = {
  egress: { hook: "prerouting", word: "iifname" },
  ingress: { hook: "postrouting", word: "oifname" },
} as const;

/**
 * The table with all that no program changes, for nft(8); again is no news but for rules of the machine's own chains, which are written anew.
 *
 * Egress is decided before routing, behind the translation of destinations, and ingress behind it, before the translation of sources: so it is the
 * same for what the machine itself sends and gets, and both ends are decided where both are here.
 */
export function groundScript(linkPrefix: string): string {
  const lines: string[] = [`add table inet ${POLICY_TABLE}`];
  const chains = baseChains(linkPrefix);
  for (const counter of [INVALID_COUNTER, CUT_COUNTER]) lines.push(`add counter inet ${POLICY_TABLE} ${counter}`);
  for (const mode of ["enforced", "staged"] as const) {
    for (const direction of ["egress", "ingress"] as const) {
      const { hook } = PLACES[direction];
      const map = endpointMap(mode, direction);
      const chain = baseChain(mode, direction);
      const priority = mode === "enforced" ? "filter" : "filter - 1";
      lines.push(
        `add map inet ${POLICY_TABLE} ${map} { type ifname : verdict; }`,
        `add chain inet ${POLICY_TABLE} ${chain} { type filter hook ${hook} priority ${priority}; policy accept; }`,
        `flush chain inet ${POLICY_TABLE} ${chain}`,
      );
      lines.push(...rulesOf(chain, chains.get(chain) ?? []));
    }
  }
  return `${lines.join("\n")}\n`;
}

const CLOSED = [
  { chain: "egress", hook: "prerouting", word: "iifgroup" },
  { chain: "ingress", hook: "postrouting", word: "oifgroup" },
] as const;

/** Endpoints that have a policy begin nothing, and nobody begins anything with them, until {@link openScript}. */
export function closeScript(): string {
  const chains = CLOSED.map(
    ({ chain, hook, word }) =>
      `  chain ${chain} {\n    type filter hook ${hook} priority filter - 2; policy accept;\n    ${word} ${POLICY_GROUP} ct state new drop\n  }\n`,
  );
  return `${openScript()}table inet ${CLOSED_TABLE} {\n${chains.join("")}}\n`;
}

/** Their programs decide again. */
export function openScript(): string {
  return `table inet ${CLOSED_TABLE}\ndelete table inet ${CLOSED_TABLE}\n`;
}

/** The table goes with all that is in it; also when it is not there. */
export function removalScript(): string {
  return `add table inet ${POLICY_TABLE}\ndelete table inet ${POLICY_TABLE}\n`;
}

/** The table's own chains with their rules. */
export function baseChains(linkPrefix: string): ReadonlyMap<string, readonly string[]> {
  const chains = new Map<string, readonly string[]>();
  for (const mode of ["enforced", "staged"] as const) {
    for (const direction of ["egress", "ingress"] as const) {
      chains.set(baseChain(mode, direction), baseRules(mode, direction, linkPrefix));
    }
  }
  return chains;
}

export function baseChain(mode: Mode, direction: Direction): string {
  return mode === "enforced" ? direction : `would_${direction}`;
}

/**
 * Neighbour discovery and multicast listener messages (RFC 4861, RFC 2710, RFC 3810) are not policies' matter while they stay on the endpoint's link. What is
 * forwarded is: else they would be a way out for whatever somebody writes into them. A forwarded packet is for no address of the link, from none, and has
 * a hop limit below 255.
 */
const LINK_MESSAGES = "icmpv6 type { 130-137, 143 }";
const OF_THE_LINK = {
  egress: ["ip6 daddr { fe80::/10, ff02::/16 }"],
  ingress: ["ip6 saddr { ::, fe80::/10 }", "ip6 hoplimit 255"],
} as const;

function baseRules(mode: Mode, direction: Direction, linkPrefix: string): readonly string[] {
  const { word } = PLACES[direction];
  const mark = `0x${CUT_MARK.toString(16)}`;
  const enforced = [`ct mark & ${mark} == ${mark} counter name "${CUT_COUNTER}" drop`];
  return [
    `${word} != "${linkPrefix}*" accept`,
    ...(mode === "enforced" ? enforced : []),
    "ct state established,related accept",
    ...OF_THE_LINK[direction].map((scope) => `${LINK_MESSAGES} ${scope} accept`),
    `${word} vmap @${endpointMap(mode, direction)}`,
  ];
}

/** The first rule of a chain that is not named by its rules says what they are, for the next run. */
function rulesOf(name: string, rules: readonly string[]): readonly string[] {
  const digest = rulesDigest(name, rules);
  return rules.map((rule, index) => {
    const comment = index === 0 && digest !== undefined ? ` comment "${digest}"` : "";
    return `add rule ${table(name)} ${rule}${comment}`;
  });
}

/** Undefined for a chain that is named by its rules. */
export function rulesDigest(name: string, rules: readonly string[]): string | undefined {
  return isNamedByRules(name) ? undefined : contentHash(rules.join("\n"));
}

function table(name: string): string {
  return `inet ${POLICY_TABLE} ${name}`;
}

/** All of it as text, for people and tests: what the kernel is told of it is the same. */
export function programScript({ chains, counters }: ProgramChains): string {
  const lines = [
    ...[...counters.keys()].map((name) => `add counter ${table(name)}`),
    ...[...chains.keys()].map((name) => `add chain ${table(name)}`),
    ...[...chains].flatMap(([name, rules]) => rulesOf(name, rules)),
  ];
  return `${lines.join("\n")}\n`;
}
