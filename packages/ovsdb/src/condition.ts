import { atomKey, sameAtom, sameValue } from "./notation.ts";
import type { Atom, Value, WhereClause } from "./ovsdb.ts";

/**
 * Whether a clause holds for a column's value (RFC 7047 section 5.1, `<condition>`). A lone atom is the set of itself, so that
 * `["tag", "==", 7]` finds the optional column that holds `[7]`.
 */
export function holds(actual: Value, operator: WhereClause[1], wanted: Value): boolean {
  switch (operator) {
    case "==":
      if (typeof actual !== "object" && typeof wanted !== "object") return actual === wanted;
      return sameValue(asCollection(actual), asCollection(wanted));
    case "!=":
      return !sameValue(asCollection(actual), asCollection(wanted));
    case "includes":
      return parts(wanted).every((part) => has(actual, part));
    case "excludes":
      return !parts(wanted).some((part) => has(actual, part));
  }
}

type Part = readonly [key: Atom, value?: Atom];

function parts(value: Value): readonly Part[] {
  const collection = asCollection(value);
  return collection instanceof Map
    ? [...(collection as ReadonlyMap<Atom, Atom>)]
    : (collection as readonly Atom[]).map((atom) => [atom] as const);
}

function has(actual: Value, [key, value]: Part): boolean {
  const collection = asCollection(actual);
  if (collection instanceof Map) return sameAtom(collection.get(key), value);
  return (collection as readonly Atom[]).some((atom) => atomKey(atom) === atomKey(key));
}

function asCollection(value: Value): readonly Atom[] | ReadonlyMap<Atom, Atom> {
  return value instanceof Map || Array.isArray(value) ? value : [value as Atom];
}
