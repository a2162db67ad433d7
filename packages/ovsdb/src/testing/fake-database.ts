import { isObject } from "../json-rpc.ts";
import type { Row, RowChange } from "../ovsdb.ts";
import { type DatabaseSchema, parseSchema } from "../schema.ts";
import { UuidMap } from "../uuid-map.ts";
import { FakeError, settle, type Tables } from "./fake-constraints.ts";
import { FAKE_SCHEMA } from "./fake-schema.ts";
import { Draft } from "./fake-transaction.ts";

/** A database in memory with the transactions of RFC 7047 section 5.2; a state, once reached, never changes. */
export class FakeDatabase {
  readonly schema: DatabaseSchema = parseSchema(FAKE_SCHEMA);
  #tables: Tables = new Map([...this.schema.tables.keys()].map((name) => [name, UuidMap.empty<Row>()]));
  #lastUuid = 0;

  get tables(): Tables {
    return this.#tables;
  }

  rows(table: string): Row[] {
    return [...(this.#tables.get(table)?.values() ?? [])];
  }

  /** Carries out the operations, all or none; gives the results as they go over the wire. */
  transact(operations: readonly unknown[]): unknown[] {
    const draft = new Draft(this.schema, this.#tables, () => this.#newUuid());
    const results: unknown[] = [];
    try {
      const resolved = draft.nameInserts(operations);
      for (const operation of resolved) results.push(draft.run(isObject(operation) ? operation : {}));
    } catch (error) {
      if (!(error instanceof FakeError)) throw error;
      results.push(error.json);
      while (results.length < operations.length) results.push(null);
      return results;
    }
    try {
      this.#tables = settle(this.schema, draft.tables);
    } catch (error) {
      if (!(error instanceof FakeError)) throw error;
      results.push(error.json);
    }
    return results;
  }

  /** Deterministic, so that goldens can show them. */
  #newUuid(): string {
    this.#lastUuid++;
    return `00000000-0000-4000-8000-${this.#lastUuid.toString(16).padStart(12, "0")}`;
  }
}

/** What is different between two states, row by row. */
export function difference(before: Tables, after: Tables): RowChange[] {
  return [...after].flatMap(([table, rows]) => {
    const old = before.get(table) ?? UuidMap.empty<Row>();
    if (old === rows) return [];
    const gone = [...old.values()].filter(({ uuid }) => !rows.has(uuid));
    const changed = [...rows.values()].filter((row) => old.get(row.uuid) !== row);
    return [
      ...gone.map((row): RowChange => ({ table, uuid: row.uuid, before: row })),
      ...changed.map((row): RowChange => {
        const previous = old.get(row.uuid);
        return { table, uuid: row.uuid, after: row, ...(previous === undefined ? {} : { before: previous }) };
      }),
    ];
  });
}
