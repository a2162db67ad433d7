import type { PortRange, ProgramRule, Service, Stage } from "@holdfast/policy";
import type { ChainBook, Way } from "./chain-book.ts";
import { type Portion, portionsOf } from "./port-lists.ts";
import { type Candidate, remoteRules } from "./remotes.ts";

/** What looking one service up may cost: entries of lists per rule, beyond which rules are looked up in two steps. */
const ENTRIES_PER_RULE = 16;
const ICMP = { 1: "icmp", 58: "icmpv6" } as const;
const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 132]);

/** One lookup, or few, of rules. */
interface Lookup {
  readonly way: Way;
  readonly exclusive: boolean;
  /** The chain of a rule. */
  readonly target: (rule: ProgramRule) => string;
}

/**
 * Chains, each to be jumped to in turn, that find the first rule of a stage. A packet's service leads to the rules that it concerns, its
 * remote address to one of them.
 */
export function stageChains(
  book: ChainBook,
  way: Way,
  { disjoint, rules }: Stage,
  target: (rule: ProgramRule) => string,
): readonly string[] {
  const lookup = { way, exclusive: disjoint, target };
  const runs = disjoint ? [...Map.groupBy(rules, serviceKind).values()] : inARow(rules);
  return runs.flatMap((run) => runChains(book, run, lookup));
}

/** Rules that look at no service, at protocols only, or at more, are looked up apart: else each port's list would have the others, too. */
function serviceKind({ services }: ProgramRule): number {
  if (services === "any") return 0;
  return services.every(({ destinationPorts, icmp }) => destinationPorts === undefined && icmp === undefined) ? 1 : 2;
}

function inARow(rules: readonly ProgramRule[]): ProgramRule[][] {
  const runs: ProgramRule[][] = [];
  let kind: number | undefined;
  for (const rule of rules) {
    const own = serviceKind(rule);
    if (own === kind) runs.at(-1)?.push(rule);
    else runs.push([rule]);
    kind = own;
  }
  return runs;
}

function runChains(book: ChainBook, rules: readonly ProgramRule[], lookup: Lookup): readonly string[] {
  if (rules.every(({ services }) => services === "any")) {
    const candidates = rules.map((rule): Candidate => ({ rule, rest: "", target: lookup.target(rule) }));
    return [book.chain("stage", remoteRules(book, lookup.way, candidates, lookup.exclusive))];
  }
  const lines = serviceLines(book, rules, lookup);
  if (lines !== undefined) return [book.chain("stage", lines)];
  const half = rules.length >> 1;
  return [rules.slice(0, half), rules.slice(half)].flatMap((some) => runChains(book, some, lookup));
}

interface Choice {
  readonly rule: ProgramRule;
  readonly service: Service;
}

/** Undefined when that would be too much at once. */
function serviceLines(book: ChainBook, rules: readonly ProgramRule[], lookup: Lookup): string[] | undefined {
  const choices = rules.flatMap((rule) =>
    rule.services === "any" ? [] : rule.services.map((service): Choice => ({ rule, service })),
  );
  const lines: string[] = [];
  for (const [protocol, some] of Map.groupBy(choices, ({ service }) => service.protocol)) {
    const most = rules.length === 1 ? Number.POSITIVE_INFINITY : ENTRIES_PER_RULE * (some.length + 64);
    const portions = portionsOf(some.map(rangesOf), most);
    if (portions === undefined) return undefined;
    lines.push(protocolLine(book, protocol, { choices: some, portions }, lookup));
  }
  return lines;
}

/** Destination ports, or types of ICMP. */
function rangesOf({ service: { protocol, destinationPorts, icmp } }: Choice): readonly PortRange[] {
  if (icmp !== undefined) return [{ first: icmp.type, last: icmp.type }];
  return destinationPorts ?? [{ first: 0, last: lastNumber(protocol) }];
}

function lastNumber(protocol: number): number {
  return WITH_PORTS.has(protocol) ? 65_535 : 255;
}

function protocolLine(
  book: ChainBook,
  protocol: number,
  { choices, portions }: { readonly choices: readonly Choice[]; readonly portions: readonly Portion[] },
  lookup: Lookup,
): string {
  const targets = new Map<string, string>();
  const elements = portions.map(({ first, last, list }) => {
    const target = targets.getOrInsertComputed(list.join(), () =>
      listTarget(
        book,
        list.flatMap((index) => choices[index] ?? []),
        lookup,
      ),
    );
    return { text: `${first === last ? first : `${first}-${last}`} : goto ${target}`, first, last, target };
  });
  const [only] = elements;
  if (elements.length === 1 && only?.first === 0 && only.last === lastNumber(protocol)) {
    return `meta l4proto ${protocol} goto ${only.target}`;
  }
  const icmp = protocol === 1 || protocol === 58 ? `${ICMP[protocol]} type` : undefined;
  return `meta l4proto ${protocol} ${icmp ?? "th dport"} vmap { ${elements.map(({ text }) => text).join(", ")} }`;
}

/** The chain that packets of one service go to: of the rule itself where nothing more is to be looked at. */
function listTarget(book: ChainBook, choices: readonly Choice[], { way, exclusive, target }: Lookup): string {
  const candidates = choices.map(
    ({ rule, service }): Candidate => ({ rule, rest: restOf(service), target: target(rule) }),
  );
  const [first] = candidates;
  if (first !== undefined && first.rule.remote === "any" && first.rest === "") return first.target;
  return book.chain("remotes", remoteRules(book, way, candidates, exclusive));
}

function restOf({ protocol, sourcePorts, icmp }: Service): string {
  if (sourcePorts !== undefined) {
    const ports = sourcePorts.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
    return ports.length === 1 ? `th sport ${ports[0]} ` : `th sport { ${ports.join(", ")} } `;
  }
  return icmp?.code === undefined ? "" : `${protocol === 58 ? "icmpv6" : "icmp"} code ${icmp.code} `;
}
