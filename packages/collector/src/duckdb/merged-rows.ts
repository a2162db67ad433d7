import { isHoldfastError } from "@holdfast/core";
import type { Slots } from "../query/plan.ts";
import type { Database } from "./database.ts";
import { readSql, type Source, SUMMED } from "./sum-sql.ts";

/** What a question reads. */
export interface Reading {
  readonly slots: Slots;
  /** Columns that it looks at. */
  readonly stored: readonly string[];
  readonly sources: readonly Source[];
}

/**
 * Rolled-up rows, added up over all the time that a question is about, for who asks it again: a page that shows the last hour does so every few seconds,
 * and for a minute all but the newest windows are the same.
 */
export interface MergedRows {
  /** Asks with sources that have the same sums in fewer rows, if there are some. They stay as long as the question takes. */
  ask<T>(reading: Reading, question: (sources: readonly Source[]) => Promise<T>): Promise<T>;
}

/** DuckDB calls a file's own tables by the name of the file: this is one that no file has by accident. */
const CATALOG = "holdfast_merged";
/** Beside the file, in memory that DuckDB counts as its own. */
export const MERGED_SQL = `ATTACH IF NOT EXISTS ':memory:' AS ${CATALOG}`;

/** So many questions are remembered as asked before. */
const MOST_ASKED = 32;
/** So many tables there are, beside those that a question still reads. */
const MOST_TABLES = 4;
/** A table of more rows helps little, and takes more than 10 MiB. */
const MOST_ROWS = 200_000;

interface Merged {
  readonly table: string;
  /** Undefined: it cannot be had. */
  readonly source: Promise<Source | undefined>;
  users: number;
}

/** What has been rolled up does not change any more: a table is right as long as it is made of the same rows. */
export function createMergedRows({ query }: Pick<Database, "query">): MergedRows {
  /** The one that was asked last is the last, as with the tables. */
  const asked = new Set<string>();
  const tables = new Map<string, Merged>();
  let made = 0;

  function isAskedAgain({ slots, stored }: Reading): boolean {
    const shape = JSON.stringify([slots.milliseconds, stored]);
    const isKnown = asked.delete(shape);
    asked.add(shape);
    const [oldest] = asked;
    if (oldest !== undefined && asked.size > MOST_ASKED) asked.delete(oldest);
    return isKnown;
  }

  function tableOf(reading: Reading): Merged {
    const key = JSON.stringify([reading.stored, rolledOf(reading)]);
    const table = `${CATALOG}.rows_${made}`;
    const known = tables.get(key);
    if (known === undefined) made += 1;
    const merged = known ?? { table, source: make(key, table, reading), users: 0 };
    tables.delete(key);
    tables.set(key, merged);
    return merged;
  }

  async function make(key: string, table: string, reading: Reading): Promise<Source | undefined> {
    const { slots, stored } = reading;
    const rolled = rolledOf(reading);
    const from = Math.min(...rolled.map((source) => source.from));
    const to = Math.max(...rolled.map((source) => source.to));
    const columns = [`${from}::UINTEGER AS start`, ...stored, SUMMED].join(", ");
    const rows = `SELECT ${columns} FROM ${readSql(slots, rolled, stored)} GROUP BY ALL HAVING count(*) > 0 LIMIT ${MOST_ROWS + 1}`;
    try {
      const [[count] = []] = await query(`CREATE TABLE ${table} AS ${rows}`);
      if (Number(count) <= MOST_ROWS) return { table, from, to, isRolled: true };
      await query(`DROP TABLE ${table}`);
    } catch (error) {
      // Who has waited for so long waits no longer. Without memory for a table, the question may be answered all the same.
      if (!isHoldfastError(error)) return undefined;
      tables.delete(key);
      throw error;
    }
    return undefined;
  }

  /** Those that were asked for longest ago. */
  async function drop(): Promise<void> {
    for (const [key, { table, source, users }] of tables) {
      if (tables.size <= MOST_TABLES) return;
      if (users > 0) continue;
      tables.delete(key);
      if ((await source.catch(() => undefined)) !== undefined) await query(`DROP TABLE ${table}`);
    }
  }

  return {
    async ask(reading, question) {
      if (reading.slots.count > 1 || rolledOf(reading).length < 2 || !isAskedAgain(reading))
        return await question(reading.sources);
      const merged = tableOf(reading);
      merged.users += 1;
      try {
        const source = await merged.source;
        const others = reading.sources.filter(({ isRolled }) => !isRolled);
        return await question(source === undefined ? reading.sources : [source, ...others]);
      } finally {
        merged.users -= 1;
        // The question has its answer all the same.
        await drop().catch(() => undefined);
      }
    },
  };
}

function rolledOf({ sources }: Reading): readonly Source[] {
  return sources.filter(({ isRolled }) => isRolled);
}
