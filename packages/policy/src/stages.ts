import { OverlapIndex } from "./overlap.ts";
import type { ProgramRule, Stage, Verdict } from "./rule-program.ts";

/** Up to so many rules a stage that is disjoint gives that up for one more: a large lookup is worth a stage of its own. */
const WORTH_KEEPING = 16;

/**
 * Ordered rules as stages, in the same order: each as long as order does not matter in it. Rules that no packet can reach are left out; one that matches
 * everything is the last, in a stage of its own.
 */
export function groupInStages(rules: Iterable<ProgramRule>): Stage[] {
  const stages: Stage[] = [];
  let open: OpenStage | undefined;
  for (const rule of reachable(rules)) {
    if (open === undefined || matchesEverything(rule) || !open.take(rule)) {
      open = new OpenStage(rule);
      stages.push(open.stage);
    }
  }
  return stages;
}

export function matchesEverything({ remote, services }: ProgramRule): boolean {
  return remote === "any" && services === "any";
}

/** Rules behind one that matches everything, or the same as they do, decide about nothing. */
function* reachable(rules: Iterable<ProgramRule>): Generator<ProgramRule, void> {
  const seen = new Set<string>();
  for (const rule of rules) {
    const match = JSON.stringify([rule.remote, rule.services]);
    if (seen.has(match)) continue;
    seen.add(match);
    yield rule;
    if (matchesEverything(rule)) return;
  }
}

class OpenStage {
  readonly stage: { disjoint: boolean; readonly rules: ProgramRule[] };
  readonly #byVerdict = new Map<Verdict, OverlapIndex>();

  constructor(rule: ProgramRule) {
    this.stage = { disjoint: true, rules: [] };
    this.#push(rule);
  }

  /** False when the rule has to be in a later stage. */
  take(rule: ProgramRule): boolean {
    const met = [...this.#byVerdict].filter(([, index]) => index.mayOverlap(rule)).map(([verdict]) => verdict);
    if (met.some((verdict) => verdict !== rule.verdict)) return false;
    if (met.length > 0 && this.stage.disjoint) {
      if (this.stage.rules.length > WORTH_KEEPING) return false;
      this.stage.disjoint = false;
    }
    this.#push(rule);
    return true;
  }

  #push(rule: ProgramRule): void {
    this.stage.rules.push(rule);
    this.#byVerdict.getOrInsertComputed(rule.verdict, () => new OverlapIndex()).add(rule);
  }
}
