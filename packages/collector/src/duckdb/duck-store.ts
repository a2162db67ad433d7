import { statSync } from "node:fs";
import { type Clock, createTurns, errorText, HoldfastError, isHoldfastError, type Logger } from "@holdfast/core";
import type { Slots } from "../query/plan.ts";
import { emptyAnswer } from "../query/slot-sums.ts";
import { partitionsBetween } from "../store/roll-ups.ts";
import { segmentsOf } from "../store/segments.ts";
import type { FlowStore, TierSettings } from "../store/store.ts";
import { addWindow, nothingTaken } from "../store/taken.ts";
import type { TrafficWindow } from "../windows/traffic.ts";
import { readSamples, readSums } from "./answers.ts";
import { type Catalog, openCatalog } from "./catalog.ts";
import { countSql, portOf } from "./count-sql.ts";
import { openDatabase } from "./database.ts";
import { dropSql, dropSum } from "./drop-sql.ts";
import { storedColumnsOf } from "./named-rows-sql.ts";
import { sampleSql } from "./sample-sql.ts";
import { isSeries, seriesSql } from "./series-sql.ts";
import { columnsOfPlan, type Source, sumSql } from "./sum-sql.ts";

export interface DuckStoreOptions {
  /** The file; its folder is there. `:memory:` keeps all in memory. */
  readonly path: string;
  /** What DuckDB may take. */
  readonly memoryMib: number;
  readonly tiers: TierSettings;
}

/** Seconds. */
const LONGEST_WINDOW = 3600;
/** Milliseconds that a question may take; who asks waits no longer. */
const PATIENCE = 25_000;
/** Milliseconds between two tries to open a file that failed. */
const REOPEN_AFTER = 1000;

/**
 * Keeps traffic in a DuckDB file of this process alone: each window is one transaction, so that the end of the process loses no more than the one
 * that is being written. When the disk is full or fails, windows are counted as lost, questions are answered as long as the file can be read, and
 * the file is opened again until it takes windows once more.
 *
 * @throws HoldfastError `unavailable`: the file cannot be opened, or another process has it.
 */
export async function openDuckStore(
  dependencies: { readonly clock: Clock; readonly logger: Logger },
  options: DuckStoreOptions,
): Promise<FlowStore> {
  const { clock, logger } = dependencies;
  const turns = createTurns();
  const [taken, lost] = [nothingTaken(), nothingTaken()];
  let newest: number | undefined;
  let failing: { readonly reason: string; readonly since: number } | undefined;
  let triedAt = 0;
  let isClosed = false;
  /** Questions that are being answered: nothing is closed under them. */
  const asking = new Set<Promise<unknown>>();
  let catalog: Catalog | undefined = await open();

  async function open(): Promise<Catalog> {
    return openCatalog(await openDatabase(clock, { ...options, patience: PATIENCE }), options.tiers);
  }

  /** @throws HoldfastError `unavailable` */
  async function opened(): Promise<Catalog> {
    if (isClosed) throw new HoldfastError("unavailable", "the flow store is closed");
    if (catalog !== undefined) return catalog;
    if (clock.monotonic() - triedAt < REOPEN_AFTER) throw broken(failing?.reason ?? "it is being opened");
    triedAt = clock.monotonic();
    // Two may not have the file open at once.
    await Promise.allSettled(asking);
    catalog = await open();
    return catalog;
  }

  async function take(window: TrafficWindow): Promise<void> {
    try {
      const to = await turns.take("open", opened);
      try {
        await to.take(window);
      } catch (error) {
        if (!(await to.rollBack())) shut();
        throw error;
      }
      // What cannot be thrown away now is thrown away later.
      await to
        .expire(window.start + window.seconds * 1000)
        .catch((error: unknown) => logger.warn("the flow store cannot drop what is old", { error: errorText(error) }));
    } catch (error) {
      // A stream gives it again.
      if (window.origin === undefined) addWindow(lost, window);
      note(errorText(error));
      throw broken(errorText(error));
    }
    addWindow(taken, window);
    newest = window.start + window.seconds * 1000;
    if (failing !== undefined) logger.info("the flow store takes traffic again", { path: options.path });
    failing = undefined;
  }

  /** After an error that DuckDB cannot go on from; the file is as of the last window that was taken. */
  function shut(): void {
    catalog?.close();
    catalog = undefined;
    triedAt = clock.monotonic();
  }

  function note(reason: string): void {
    if (failing === undefined) logger.error("the flow store takes no traffic", { path: options.path, error: reason });
    failing = { reason, since: failing?.since ?? clock.now().getTime() };
  }

  function broken(reason: string): HoldfastError {
    return new HoldfastError("unavailable", `the flow store ${options.path} fails: ${reason}`);
  }

  async function asked<T>(question: (from: Catalog) => Promise<T>): Promise<T> {
    const from = await turns.take("open", opened);
    const answer = question(from);
    asking.add(answer);
    try {
      return await answer;
    } catch (error) {
      if (isHoldfastError(error)) throw error;
      throw broken(errorText(error));
    } finally {
      asking.delete(answer);
    }
  }

  async function close(): Promise<void> {
    await turns.take("write", async () => {
      isClosed = true;
      await Promise.allSettled(asking);
      catalog?.close();
      catalog = undefined;
    });
  }

  return {
    kind: "duckdb",
    description: `Keeps traffic in ${options.path}; the end of the process loses the window that is being written.`,
    take: (window) => turns.take("write", () => take(window)),
    checkpoint: (stream) => asked(({ checkpoint }) => Promise.resolve(checkpoint(stream))),
    sums: (plan) =>
      asked(async (from) => {
        const { start, milliseconds, count } = plan.slots;
        const sources = sourcesOf(plan.slots, from);
        const ends = from.tables(partitionsBetween("ends", start / 1000, (start + milliseconds * count) / 1000));
        if (sources.length === 0 || ends.length === 0) return emptyAnswer(plan);
        if (isSeries(plan)) {
          const whole = sourcesOf({ start, milliseconds: milliseconds * count, count: 1 }, from);
          return readSums(plan, await from.query(seriesSql(plan, { whole, slots: sources }, ends)));
        }
        const reading = { slots: plan.slots, stored: storedColumnsOf(columnsOfPlan(plan)), sources };
        return from.merged.ask(reading, async (fewer) => readSums(plan, await from.query(sumSql(plan, fewer, ends))));
      }),
    samples: (plan) =>
      asked(async ({ query, tables }) => {
        const [from, to] = [Math.floor(plan.from / 1000), Math.ceil(plan.to / 1000)];
        const rows = tables(partitionsBetween("samples", from, to));
        // The window of a sample may have begun the day before.
        const ends = tables(partitionsBetween("ends", from - LONGEST_WINDOW, to));
        if (rows.length === 0 || ends.length === 0) return [];
        return readSamples(plan, await query(sampleSql(plan, rows, ends)));
      }),
    counts: (plan) =>
      asked(async ({ query, tables }) => {
        const rows = tables(partitionsBetween("counts", Math.floor(plan.from / 1000), Math.ceil(plan.to / 1000)));
        return rows.length === 0 ? [] : (await query(countSql(plan, rows))).map(portOf);
      }),
    drops: (plan) =>
      asked(async ({ query, tables }) => {
        const { start, milliseconds, count } = plan.slots;
        const end = start + milliseconds * count;
        const rows = tables(partitionsBetween("drops", Math.floor(start / 1000), Math.ceil(end / 1000)));
        return rows.length === 0 ? [] : (await query(dropSql(plan, rows))).map(dropSum);
      }),
    state: () => ({ failing, taken: { ...taken }, lost: { ...lost }, newest, bytes: sizeOf(options.path) }),
    expire: (now) => turns.take("write", async () => (await opened()).expire(now)),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Where the rows of some slots are; none: there is nothing of that time. */
function sourcesOf(slots: Slots, { coverage, tables }: Catalog): readonly Source[] {
  return segmentsOf(slots, coverage()).flatMap(({ tier, from, to }) =>
    tables(partitionsBetween(tier, from, to)).map((table) => ({ table, from, to, isRolled: tier !== "fine" })),
  );
}

function sizeOf(path: string): number {
  const files = [path, `${path}.wal`].map((file) => statSync(file, { throwIfNoEntry: false }));
  return files.reduce((sum, file) => sum + (file?.size ?? 0), 0);
}
