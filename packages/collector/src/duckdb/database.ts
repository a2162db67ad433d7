import type { DuckDBConnection, DuckDBInstance, DuckDBType } from "@duckdb/node-api";
import { type Clock, errorText, HoldfastError } from "@holdfast/core";
import { MERGED_SQL } from "./merged-rows.ts";
import { type ColumnTypes, PROGRESS_SQL } from "./schema.ts";

/** A value of a column, as DuckDB takes and gives it. */
export type Cell = string | number | boolean | null;

/** One DuckDB file, open in this process alone. */
export interface Database {
  /**
   * Rows of a statement, read beside everything that is written.
   *
   * @throws HoldfastError `timeout` when it takes too long; what DuckDB says otherwise
   */
  query(sql: string): Promise<readonly (readonly Cell[])[]>;
  /** Runs statements one after the other, on the connection that writes. */
  write(sql: string): Promise<void>;
  /** Adds rows, column by column, on the connection that writes. */
  append(table: string, types: ColumnTypes, columns: readonly (readonly Cell[])[]): Promise<void>;
  close(): void;
}

export interface DatabaseOptions {
  /** `:memory:` keeps all in memory. */
  readonly path: string;
  /** What it may take beside the rows that are being added. */
  readonly memoryMib: number;
  /** Milliseconds after which a question is broken off. */
  readonly patience: number;
}

/**
 * More answer an hour's question hardly sooner, for two thirds more of the processors' time, which the receiving thread wants as well; on a busy
 * machine they answer later.
 */
const THREADS = 2;
/** Values that a chunk of DuckDB has at most. */
const CHUNK = 2048;

/** @throws HoldfastError `unavailable`: the file cannot be opened, or another process has it. */
export async function openDatabase(clock: Clock, { path, memoryMib, patience }: DatabaseOptions): Promise<Database> {
  // 70 MB of library, which only the program that stores flows should have.
  const duckdb = await import("@duckdb/node-api");
  let instance: DuckDBInstance;
  let writer: DuckDBConnection;
  try {
    instance = await duckdb.DuckDBInstance.create(path, {
      memory_limit: `${memoryMib}MiB`,
      threads: String(THREADS),
      // No order is asked for, and keeping one costs memory.
      preserve_insertion_order: "false",
      autoinstall_known_extensions: "false",
      autoload_known_extensions: "false",
    });
    writer = await instance.connect();
    await writer.run(PROGRESS_SQL);
    await writer.run(MERGED_SQL);
  } catch (error) {
    throw new HoldfastError("unavailable", `cannot open the flow store ${path}: ${errorText(error)}`, { cause: error });
  }
  const typeOf: Readonly<Record<ColumnTypes[string], DuckDBType>> = {
    UINTEGER: duckdb.UINTEGER,
    USMALLINT: duckdb.USMALLINT,
    UTINYINT: duckdb.UTINYINT,
    BOOLEAN: duckdb.BOOLEAN,
    DOUBLE: duckdb.DOUBLE,
    VARCHAR: duckdb.VARCHAR,
  };

  return {
    async query(sql) {
      const reader = await instance.connect();
      const [answered, late] = [new AbortController(), new AbortController()];
      clock.wait(patience, answered.signal).then(
        () => {
          late.abort();
          reader.interrupt();
        },
        () => undefined,
      );
      try {
        return (await reader.runAndReadAll(sql)).getRowsJS() as Cell[][];
      } catch (error) {
        if (!late.signal.aborted) throw error;
        const remedy = "ask for a shorter time, or by fewer fields";
        throw new HoldfastError("timeout", `the question took longer than ${patience / 1000} s; ${remedy}`, {
          cause: error,
          retryable: false,
        });
      } finally {
        answered.abort();
        reader.closeSync();
      }
    },
    async write(sql) {
      await writer.run(sql);
    },
    async append(table, types, columns) {
      const rows = columns[0]?.length ?? 0;
      if (rows === 0) return;
      const appender = await writer.createAppender(table);
      const kinds = Object.values(types).map((type) => typeOf[type]);
      try {
        for (let from = 0; from < rows; from += CHUNK) {
          const chunk = duckdb.DuckDBDataChunk.create(kinds, Math.min(CHUNK, rows - from));
          chunk.setColumns(columns.map((column) => column.slice(from, from + CHUNK)));
          appender.appendDataChunk(chunk);
          // Questions of others are answered between two chunks.
          await new Promise<void>((resolve) => setImmediate(resolve));
        }
      } finally {
        appender.closeSync();
      }
    },
    close() {
      writer.closeSync();
      instance.closeSync();
    },
  };
}
