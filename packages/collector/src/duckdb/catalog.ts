import { type Coverage, coverageOf, expiredOf, type Progress, unitsBetween } from "../store/coverage.ts";
import { byPartition, type Partition, partitionNamed, partitionOf, tableName } from "../store/partitions.ts";
import { rollUpsOf } from "../store/roll-ups.ts";
import type { TierSettings } from "../store/store.ts";
import { ROLLED_TIERS, type RolledTier } from "../store/sum-tiers.ts";
import type { TrafficWindow, WindowOrigin } from "../windows/traffic.ts";
import type { Cell, Database } from "./database.ts";
import { createEndNumbers } from "./ends.ts";
import { createMergedRows, type MergedRows } from "./merged-rows.ts";
import { textSql } from "./predicate-sql.ts";
import { rollUpSql } from "./roll-up-sql.ts";
import { countColumns, dropColumns, endColumns, rowColumns, sampleColumns } from "./row-columns.ts";
import { createTableSql, TABLES } from "./schema.ts";

/** The tables of an open file, and what they have. */
export interface Catalog {
  /** Writes a window, with what can be rolled up by it, in one transaction; one that a stream gives once more is there already. Who fails has to roll back. */
  take(window: TrafficWindow): Promise<void>;
  /** False: DuckDB cannot go on with this file until it is opened again. */
  rollBack(): Promise<boolean>;
  expire(now: number): Promise<void>;
  query(sql: string): Promise<readonly (readonly Cell[])[]>;
  readonly merged: MergedRows;
  coverage(): Coverage;
  /** Of the last window of a stream. */
  checkpoint(stream: string): string | undefined;
  /** Those of the wanted tables that there are. */
  tables(wanted: readonly Partition[]): readonly string[];
  close(): void;
}

export async function openCatalog(database: Database, tiers: TierSettings): Promise<Catalog> {
  let known = await readTables(database);
  let progress = await readProgress(database);
  let checkpoints = await readCheckpoints(database);
  const ends = createEndNumbers(await readNextEnd(database, known));

  /** Of a transaction that is under way: they become {@link known} with it. */
  async function make(partition: Partition, made: Map<string, Partition>): Promise<string> {
    const name = tableName(partition);
    if (!made.has(name)) {
      await database.write(createTableSql(name, partition.kind));
      made.set(name, partition);
    }
    return name;
  }

  async function write(window: TrafficWindow, made: Map<string, Partition>): Promise<Progress> {
    const start = Math.floor(window.start / 1000);
    const rows = await make(partitionOf("fine", start), made);
    await database.append(rows, TABLES.fine, rowColumns(window, ends));
    for (const [partition, samples] of byPartition("samples", window.samples, ({ at }) => at)) {
      await database.append(await make(partition, made), TABLES.samples, sampleColumns(samples, window.start, ends));
    }
    for (const [partition, counts] of byPartition("counts", window.counts ?? [], ({ until }) => until)) {
      await database.append(await make(partition, made), TABLES.counts, countColumns(counts));
    }
    for (const [partition, drops] of byPartition("drops", window.drops ?? [], ({ at }) => at)) {
      await database.append(await make(partition, made), TABLES.drops, dropColumns(drops));
    }
    await database.append(await make(partitionOf("ends", start), made), TABLES.ends, endColumns(ends));
    const reached = new Map<RolledTier, number>();
    // More of the same window may come when the collector was stopped in it and started again.
    let until = start;
    for (const tier of ROLLED_TIERS) {
      until = await rollUp(tier, progress.get(tier) ?? start, until, made);
      reached.set(tier, until);
    }
    const values = Array.from(reached, ([tier, value]) => `('${tier}', ${value})`).join(", ");
    await database.write(`DELETE FROM progress WHERE name <> 'version'; INSERT INTO progress VALUES ${values}`);
    if (window.origin !== undefined) await database.write(checkpointSql(window.origin));
    return reached;
  }

  /** Up to the last whole unit before `end`. */
  async function rollUp(into: RolledTier, since: number, end: number, made: Map<string, Partition>): Promise<number> {
    const { from, until } = unitsBetween(into, since, end);
    for (const one of rollUpsOf(into, from, until)) {
      const sql = rollUpSql(one, new Set(made.keys()));
      if (sql === undefined) continue;
      await make(one.into, made);
      await database.write(sql);
    }
    return until;
  }

  async function expire(now: number): Promise<void> {
    const old = expiredOf(known, tiers, now);
    if (old.length === 0) return;
    await database.write(old.map((name) => `DROP TABLE IF EXISTS ${name}`).join("; "));
    for (const name of old) known.delete(name);
  }

  return {
    async take(window) {
      const { origin } = window;
      if (origin !== undefined && checkpoints.get(origin.stream) === origin.checkpoint) return;
      const made = new Map(known);
      await database.write("BEGIN");
      const reached = await write(window, made);
      await database.write("COMMIT");
      ends.settle(true);
      [known, progress] = [made, reached];
      if (origin !== undefined) checkpoints.set(origin.stream, origin.checkpoint);
    },
    async rollBack() {
      ends.settle(false);
      try {
        await database.write("ROLLBACK");
      } catch {
        // There is none when it was the beginning, or the end, that failed.
      }
      try {
        // The end may have failed after the window was written.
        checkpoints = await readCheckpoints(database);
        return true;
      } catch {
        return false;
      }
    },
    expire,
    query: (sql) => database.query(sql),
    merged: createMergedRows(database),
    coverage: () => coverageOf(known, progress),
    checkpoint: (stream) => checkpoints.get(stream),
    tables: (wanted) => wanted.map(tableName).filter((name) => known.has(name)),
    close: () => database.close(),
  };
}

async function readTables(database: Database): Promise<Map<string, Partition>> {
  const rows = await database.query("SELECT table_name FROM duckdb_tables()");
  return new Map(
    rows.flatMap(([name]) => {
      const partition = partitionNamed(String(name));
      return partition === undefined ? [] : [[String(name), partition] as const];
    }),
  );
}

async function readProgress(database: Database): Promise<Progress> {
  const rows = await database.query("SELECT name, value FROM progress WHERE name <> 'version'");
  return new Map(rows.map(([name, value]) => [name as RolledTier, Number(value)]));
}

async function readCheckpoints(database: Database): Promise<Map<string, string>> {
  const rows = await database.query("SELECT name, checkpoint FROM streams");
  return new Map(rows.map(([name, checkpoint]) => [String(name), String(checkpoint)]));
}

function checkpointSql({ stream, checkpoint }: WindowOrigin): string {
  const name = textSql(stream);
  return `DELETE FROM streams WHERE name = ${name}; INSERT INTO streams VALUES (${name}, ${textSql(checkpoint)})`;
}

async function readNextEnd(database: Database, known: ReadonlyMap<string, Partition>): Promise<number> {
  const tables = [...known].filter(([, { kind }]) => kind === "ends").map(([name]) => `SELECT id FROM ${name}`);
  if (tables.length === 0) return 1;
  const [[highest] = []] = await database.query(`SELECT max(id) FROM (${tables.join(" UNION ALL ")})`);
  return Number(highest ?? 0) + 1;
}
