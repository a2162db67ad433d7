import { atomKey, sameAtom } from "../notation.ts";
import type { Atom, Value } from "../ovsdb.ts";
import type { ColumnType } from "../schema.ts";
import { read } from "./fake-columns.ts";

/** The value after a mutation (RFC 7047 section 5.1) whose argument comes over the wire. */
export function mutated(type: ColumnType, before: Value, [mutator, json]: readonly [string, unknown]): Value {
  if (mutator === "+=" || mutator === "-=") {
    const step = Number(json);
    return Number(before) + (mutator === "+=" ? step : -step);
  }
  if (before instanceof Map) return mutatedMap(type, before as ReadonlyMap<Atom, Atom>, [mutator, json]);
  const given = read({ ...type, min: 0, max: Number.POSITIVE_INFINITY }, json) as readonly Atom[];
  const keys = new Set(given.map(atomKey));
  const others = (before as readonly Atom[]).filter((atom) => !keys.has(atomKey(atom)));
  return mutator === "insert" ? [...others, ...given] : others;
}

/** Keys that exist keep their value on insert; a deletion names keys, or pairs that must be equal. */
function mutatedMap(
  type: ColumnType,
  before: ReadonlyMap<Atom, Atom>,
  [mutator, json]: readonly [string, unknown],
): ReadonlyMap<Atom, Atom> {
  const isMap = Array.isArray(json) && json[0] === "map";
  if (mutator === "insert") return new Map([...(read(type, json) as ReadonlyMap<Atom, Atom>), ...before]);
  const after = new Map(before);
  if (isMap) {
    for (const [key, value] of read(type, json) as ReadonlyMap<Atom, Atom>) {
      if (sameAtom(after.get(key), value)) after.delete(key);
    }
    return after;
  }
  const keys = read({ key: type.key, min: 0, max: Number.POSITIVE_INFINITY }, json) as readonly Atom[];
  for (const key of keys) after.delete(key);
  return after;
}
