import type { Column, KeyValue, PlanPart, Predicate } from "../query/plan.ts";

/** A key that is a field's value, or the same for all rows. */
export type CaseKey =
  | { readonly kind: "field"; readonly column: Column }
  | { readonly kind: "constant"; readonly value: KeyValue };

/** Rows of a part for which the same keys are hidden: who asks sees, or does not see, what of them is not his. */
export interface GroupCase {
  readonly where: Predicate;
  readonly keys: readonly CaseKey[];
}

/**
 * The cases of a part, of which each row is in one at most. A cluster groups by fields, and not by conditions; so what a key depends on becomes a condition
 * on rows.
 */
export function casesOf({ where, keys }: PlanPart): readonly GroupCase[] {
  const conditions = new Map<string, Predicate>();
  for (const key of keys) {
    if (key.kind === "column" && key.when !== undefined) conditions.set(JSON.stringify(key.when), key.when);
  }
  return assignments([...conditions], where).map((holding) => ({
    where: allOf([where, ...[...conditions].map(([text, when]) => (holding.has(text) ? when : not(when)))]),
    keys: keys.map((key) => {
      if (key.kind === "constant") return key;
      const isShown = key.when === undefined || holding.has(JSON.stringify(key.when));
      return isShown ? { kind: "field", column: key.column } : { kind: "constant", value: null };
    }),
  }));
}

/** Which of the conditions may hold together, as their texts. */
function assignments(
  conditions: readonly (readonly [text: string, when: Predicate])[],
  where: Predicate,
): readonly ReadonlySet<string>[] {
  const [first, ...others] = conditions;
  if (first === undefined) return [new Set()];
  const [text, when] = first;
  const rest = assignments(others, where);
  const holding = isNever(when) ? [] : rest.map((set) => new Set([...set, text]));
  return isImplied(text, where) ? holding : [...holding, ...rest];
}

/** Whether it holds for all rows that are meant, as far as that can be seen at once. */
function isImplied(text: string, where: Predicate): boolean {
  if (JSON.stringify(where) === text) return true;
  return where.kind === "all" && where.of.some((one) => isImplied(text, one));
}

function isNever(predicate: Predicate): boolean {
  return predicate.kind === "any" && predicate.of.length === 0;
}

function allOf(of: readonly Predicate[]): Predicate {
  return { kind: "all", of };
}

function not(of: Predicate): Predicate {
  return { kind: "not", of };
}
