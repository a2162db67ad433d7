import { sameValue } from "./notation.ts";
import type { Mutation, NamedRef, OvsdbOperation, Value, WireRow } from "./ovsdb.ts";

/** The pieces that transactions on rows with names are made of. */

export type Texts = Readonly<Record<string, string>>;

/** What a row has and should have. */
export interface RowDifference {
  readonly current: Readonly<Record<string, Value>>;
  readonly wanted: Readonly<Record<string, Value>>;
  readonly mutations: readonly Mutation[];
}

/** Operations that write the columns that differ; none when none does. */
export function changeRow(
  table: string,
  row: { readonly uuid: string; readonly name: string },
  { current, wanted, mutations }: RowDifference,
): readonly OvsdbOperation[] {
  const differing: WireRow = Object.fromEntries(
    Object.entries(wanted).filter(([column, value]) => !sameValue(current[column] ?? [], value)),
  );
  const update: OvsdbOperation[] =
    Object.keys(differing).length === 0
      ? []
      : [{ op: "update", table, where: [["_uuid", "==", { uuid: row.uuid }]], row: differing }];
  const mutation = mutations.length === 0 ? [] : [mutate(table, row.uuid, mutations)];
  return update.length + mutation.length === 0 ? [] : [present(table, row), ...update, ...mutation];
}

/** Changes of a map column; undefined removes a key. Inserting leaves keys alone that exist (RFC 7047 section 5.1, `<mutation>`), so changed ones are deleted first. */
export function textMutations(
  column: string,
  current: ReadonlyMap<string, string>,
  wanted: Readonly<Record<string, string | undefined>>,
): readonly Mutation[] {
  const changes = Object.entries(wanted).filter(([key, value]) => current.get(key) !== value);
  const stale = changes.map(([key]) => key).filter((key) => current.has(key));
  const fresh = new Map(changes.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])));
  return [
    ...(stale.length === 0 ? [] : [[column, "delete", stale] as const]),
    ...(fresh.size === 0 ? [] : [[column, "insert", fresh] as const]),
  ];
}

/** The transaction is refused, to be built again from a newer cache, when somebody else has made a row of that name. */
export function absent(table: string, name: string): OvsdbOperation {
  return { op: "wait", table, where: [["name", "==", name]], columns: ["name"], until: "==", rows: [] };
}

/** The same when the row has gone; a mutation of no row would count as success. */
export function present(
  table: string,
  { uuid, name }: { readonly uuid: string; readonly name: string },
): OvsdbOperation {
  return { op: "wait", table, where: [["_uuid", "==", { uuid }]], columns: ["name"], until: "==", rows: [{ name }] };
}

export function mutate(table: string, uuid: string, mutations: readonly Mutation[]): OvsdbOperation {
  return { op: "mutate", table, where: [["_uuid", "==", { uuid }]], mutations };
}

/** A name for a row of this transaction; RFC 7047 allows letters, digits and underscores. */
export function reference(kind: string, name: string): NamedRef {
  return { named: `${kind}_${Buffer.from(name).toString("hex")}` };
}

export function textMap(texts: Texts = {}): ReadonlyMap<string, string> {
  return new Map(Object.entries(texts));
}

export function some<T extends string | number>(value: T | undefined): readonly T[] {
  return value === undefined ? [] : [value];
}
