import type { Path, Program, SetId } from "./rule-program.ts";

/** Every set that a program refers to, some several times. */
export function setsOf(program: Program | undefined): SetId[] {
  if (program === undefined) return [];
  const { v4, v6 } = program;
  return [v4.ingress, v4.egress, v6.ingress, v6.egress].flatMap(setsOfPath);
}

function setsOfPath({ realms, main, foreign }: Path): SetId[] {
  const rules = [...main, ...foreign].flatMap(({ stages }) => stages).flatMap((stage) => stage.rules);
  return [realms.own, realms.platform, ...rules.flatMap(({ remote }) => (remote === "any" ? [] : remote.sets))];
}

/** Whether it decides nothing but that tenants are kept apart, which every data path does without a program. */
export function isTrivial({ v4, v6 }: Program): boolean {
  return [v4.ingress, v4.egress, v6.ingress, v6.egress].every(
    ({ main, foreign }) => decidesAlways(main, "allow") && decidesAlways(foreign, "deny"),
  );
}

function decidesAlways(sections: Path["main"], verdict: "allow" | "deny"): boolean {
  const rules = sections.flatMap(({ stages }) => stages).flatMap((stage) => stage.rules);
  const [only, ...others] = rules;
  return others.length === 0 && only?.remote === "any" && only.services === "any" && only.verdict === verdict;
}
