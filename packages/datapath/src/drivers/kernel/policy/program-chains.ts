import type { Path, Program, ProgramRule, Section } from "@holdfast/policy";
import { ChainBook, type ProgramChains, remoteWord, type Way } from "./chain-book.ts";
import { entryName, type Mode } from "./names.ts";
import { stageChains } from "./stage-chains.ts";

/** The counter of packets that belong to no connection and begin none. */
export const INVALID_COUNTER = "guard/invalid";

/**
 * A program as chains of nftables. Most are named by what they say: versions of a program share those that have not changed, and a restarted agent
 * knows them. Counters are objects of their own and outlive their rules.
 */
export function programChains(program: Program, mode: Mode): ProgramChains {
  const book = new ChainBook(program.id, mode);
  for (const direction of ["ingress", "egress"] as const) {
    const rules = (["v4", "v6"] as const).flatMap((family) =>
      pathRules(book, { family, direction }, program[family][direction]),
    );
    book.chains.set(entryName(mode, program.id, direction), entryRules(rules, mode));
  }
  return book;
}

/** Fails closed: what comes out at the end, though every path decides, is dropped. */
function entryRules(rules: readonly string[], mode: Mode): readonly string[] {
  if (mode === "staged") return rules;
  return [`ct state invalid counter name "${INVALID_COUNTER}" drop`, ...rules, "drop"];
}

function pathRules(book: ChainBook, way: Way, { realms, main, foreign }: Path): readonly string[] {
  const word = remoteWord(way);
  const list = sectionsChain(book, way, main);
  const other = sectionsChain(book, way, foreign);
  return [
    ...book.lookups(realms.own).map((each) => `${word} ${each} goto ${list}`),
    ...book.lookups(realms.platform).map((each) => `${word} ${each} goto ${other}`),
    `meta nfproto ${way.family === "v4" ? "ipv4" : "ipv6"} goto ${list}`,
  ];
}

/** From the last to the first: those before lead to it. */
function sectionsChain(book: ChainBook, way: Way, sections: readonly Section[]): string {
  const first = sections.reduceRight<string | undefined>(
    (next, section) => sectionChain(book, way, section, next),
    undefined,
  );
  return first ?? book.chain("section", [book.end]);
}

function sectionChain(book: ChainBook, way: Way, { stages }: Section, next: string | undefined): string {
  const target = (rule: ProgramRule): string => book.rule(rule, next);
  const lines: string[] = [];
  for (const stage of stages) {
    const [only] = stage.rules;
    if (only !== undefined && only.remote === "any" && only.services === "any") {
      if (lines.length === 0) return target(only);
      return book.chain("section", [...lines, `goto ${target(only)}`]);
    }
    lines.push(...stageChains(book, way, stage, target).map((chain) => `jump ${chain}`));
  }
  return book.chain("section", [...lines, next === undefined ? book.end : `goto ${next}`]);
}
