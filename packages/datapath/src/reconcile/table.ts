import { type BackoffOptions, backoff, type Clock, errorText, HoldfastError, type Logger, WOKEN } from "@holdfast/core";
import type { RowStatus } from "../driver.ts";
import { type Entry, entryStatus, markPending, newEntry } from "./entry.ts";
import { inHalves } from "./halving.ts";
import { type RowRef, refText, type TableDefinition } from "./operations.ts";
import { Settling } from "./settling.ts";

/** What a table asks of its reconciler. */
export interface TableSurroundings {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly backoff: BackoffOptions;
  readonly signal: AbortSignal;
  /** Whether the row another row needs is done. */
  isDone(ref: string): boolean;
  /** Whether any row still holds on to this one. */
  isHeld(ref: string): boolean;
  hold(ref: string, holder: string): void;
  release(ref: string, holder: string): void;
  /** Rows have become done or have gone: rows of other tables may have waited for that. */
  progressed(): void;
}

/** Desired rows of one kind and the job that brings the target to them. */
export class Table<T> {
  readonly name: string;
  readonly #definition: TableDefinition<T>;
  readonly #around: TableSurroundings;
  readonly #entries = new Map<string, Entry<T>>();
  /** Keys of rows that are not done. */
  readonly #open = new Set<string>();
  readonly #settling: Settling<T>;
  #wake = Promise.withResolvers<void>();
  #pruneAsked: PromiseWithResolvers<void> | undefined;
  /** While a pruning was under way. */
  #askedAgain = false;

  constructor(definition: TableDefinition<T>, surroundings: TableSurroundings) {
    this.name = definition.name;
    this.#definition = definition;
    this.#around = surroundings;
    this.#settling = new Settling(definition.name, this.#entries);
  }

  /** Desires a row, in place of the one with its key. The same row again is no news. */
  set(row: T): void {
    const key = this.#definition.key(row);
    const entry = this.#entries.get(key);
    if (entry === undefined) this.#open.add(this.#insert(key, row).key);
    else if (entry.wanted && (entry.row === row || this.#definition.same(entry.row, row))) return;
    else this.#change(entry, row, true);
    this.#poke();
  }

  /** Desires that there is no such row. It is taken for present when it is not known: who deletes wants it gone. */
  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined || !entry.wanted) return;
    this.#change(entry, entry.row, false);
    this.#poke();
  }

  /** The desired row; undefined also for one that is being removed. */
  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    return entry?.wanted ? entry.row : undefined;
  }

  /** Whether the key is in use, also by a row that is being removed. */
  has(key: string): boolean {
    return this.#entries.has(key);
  }

  isDone(key: string): boolean {
    const entry = this.#entries.get(key);
    return entry?.wanted === true && entry.state === "done";
  }

  desired(): readonly T[] {
    return this.#entries
      .values()
      .filter((entry) => entry.wanted)
      .map((entry) => entry.row)
      .toArray();
  }

  /**
   * Resolves when each of these rows is as desired, or gone when it was deleted.
   *
   * @throws HoldfastError the failure of a row when trying again cannot be expected to help; `timeout` with the last failure, or the
   * signal's reason, when aborted. The reconciler goes on in either case.
   */
  settled(keys: Iterable<string>, signal: AbortSignal): Promise<void> {
    return this.#settling.settled(keys, signal);
  }

  /** The target may have changed behind our back: every row is compared again. */
  refresh(): void {
    for (const entry of this.#entries.values()) {
      markPending(entry);
      this.#open.add(entry.key);
    }
    this.#poke();
  }

  /** Resolves when everything of ours that is not desired has been removed, however many tries it takes. */
  prune(): Promise<void> {
    this.#pruneAsked ??= Promise.withResolvers<void>();
    this.#askedAgain = true;
    this.#poke();
    return this.#pruneAsked.promise;
  }

  status(): readonly RowStatus[] {
    return [...this.#open].flatMap((key) => {
      const entry = this.#entries.get(key);
      const status = entry === undefined ? undefined : entryStatus(this.name, entry);
      return status === undefined ? [] : [status];
    });
  }

  /** Rows of other tables have become done or have gone. Who has no row that could have waited for that sleeps on. */
  progress(): void {
    if (this.#open.size > 0) this.#poke();
  }

  /** The job: works while there is work, else waits for news or for the next try that is due. Ends with the signal. */
  async run(): Promise<void> {
    const { signal } = this.#around;
    signal.addEventListener("abort", () => this.#poke(), { once: true });
    for (let failedPrunes = 0; !signal.aborted; ) {
      this.#wake = Promise.withResolvers();
      const worked = await this.#pass();
      if (this.#pruneAsked !== undefined) failedPrunes = (await this.#prunePass()) ? 0 : failedPrunes + 1;
      if (worked) continue;
      const pause = failedPrunes > 0 ? backoff(failedPrunes - 1, this.#around.backoff) : undefined;
      await this.#rest(pause);
    }
    const reason = new HoldfastError("unavailable", "the data path driver was closed");
    this.#settling.close(reason);
    this.#pruneAsked?.reject(reason);
  }

  /** One batch of removals and one of updates. False: there was nothing to do now. */
  async #pass(): Promise<boolean> {
    const now = this.#around.clock.monotonic();
    const ready = [...this.#open]
      .flatMap((key) => this.#entries.get(key) ?? [])
      .filter((entry) => this.#isReady(entry, now));
    const { operations } = this.#definition;
    const gone = ready.filter((entry) => !entry.wanted);
    const there = ready.filter((entry) => entry.wanted);
    if (gone.length > 0) await this.#attempt(gone, (rows, signal) => operations.remove(rows, signal));
    if (there.length > 0) await this.#attempt(there, (rows, signal) => operations.update(rows, signal));
    return ready.length > 0;
  }

  async #attempt(entries: readonly Entry<T>[], operation: (rows: readonly T[], signal: AbortSignal) => Promise<void>) {
    const { signal } = this.#around;
    const tried = entries.map((entry) => ({ entry, row: entry.row, wanted: entry.wanted, revision: entry.revision }));
    const failures = await inHalves(
      tried,
      (batch) =>
        operation(
          batch.map(({ row }) => row),
          signal,
        ),
      signal,
    );
    if (signal.aborted) return;
    for (const attempt of tried) {
      // What is desired has changed meanwhile: that outcome is of no interest, the next pass decides.
      if (attempt.entry.revision !== attempt.revision) continue;
      if (failures.has(attempt)) this.#failed(attempt.entry, failures.get(attempt));
      else this.#done(attempt.entry);
    }
    this.#around.progressed();
  }

  #done(entry: Entry<T>): void {
    this.#open.delete(entry.key);
    entry.state = "done";
    entry.attempts = 0;
    entry.error = undefined;
    if (!entry.wanted) this.#entries.delete(entry.key);
    this.#hold(entry, entry.wanted ? this.#refs(entry.row) : new Set());
    this.#settling.report(entry.key);
  }

  #failed(entry: Entry<T>, error: unknown): void {
    entry.state = "error";
    entry.attempts++;
    entry.error = error;
    entry.dueAt = this.#around.clock.monotonic() + backoff(entry.attempts - 1, this.#around.backoff);
    const fields = { row: `${this.name} ${entry.key}`, attempts: entry.attempts, error: errorText(error) };
    if (entry.attempts === 1) this.#around.logger.warn("row is not as desired", fields);
    else this.#around.logger.debug("row is still not as desired", fields);
    this.#settling.report(entry.key);
  }

  async #prunePass(): Promise<boolean> {
    const asked = this.#pruneAsked;
    this.#askedAgain = false;
    try {
      // Rows that are being removed are neither desired nor orphans: their removal has an order of its own.
      const rows = this.#entries
        .values()
        .map((entry) => entry.row)
        .toArray();
      await this.#definition.operations.prune(rows, this.#around.signal);
    } catch (error) {
      this.#around.logger.warn("cannot prune", { table: this.name, error: errorText(error) });
      return false;
    }
    if (this.#askedAgain) return true;
    this.#pruneAsked = undefined;
    asked?.resolve();
    return true;
  }

  async #rest(pause: number | undefined): Promise<void> {
    const { clock, signal } = this.#around;
    const now = clock.monotonic();
    let due = pause ?? Number.POSITIVE_INFINITY;
    for (const key of this.#open) {
      const entry = this.#entries.get(key);
      if (entry?.state === "error" && entry.dueAt > now) due = Math.min(due, entry.dueAt - now);
    }
    if (signal.aborted) return;
    // As a rule nothing is due, and there is nothing but the next change to wait for.
    if (!Number.isFinite(due)) return await this.#wake.promise;
    const rest = new AbortController();
    await Promise.race([this.#wake.promise, clock.wait(due, rest.signal).catch(() => undefined)]);
    rest.abort(WOKEN);
  }

  #poke(): void {
    this.#wake.resolve();
  }

  #isReady(entry: Entry<T>, now: number): boolean {
    if (entry.dueAt > now) return false;
    if (!entry.wanted) return !this.#around.isHeld(refText({ table: this.name, key: entry.key }));
    return (this.#definition.needs?.(entry.row) ?? []).every((ref) => this.#around.isDone(refText(ref)));
  }

  #insert(key: string, row: T): Entry<T> {
    const entry = newEntry(key, row);
    this.#entries.set(key, entry);
    this.#hold(entry, this.#refs(row));
    return entry;
  }

  #change(entry: Entry<T>, row: T, wanted: boolean): void {
    entry.row = row;
    entry.wanted = wanted;
    markPending(entry);
    this.#open.add(entry.key);
    // Until it is done, the target may still hold what was desired before.
    if (wanted) this.#hold(entry, entry.refs.union(this.#refs(row)));
  }

  #refs(row: T): ReadonlySet<string> {
    return new Set((this.#definition.needs?.(row) ?? []).map((ref: RowRef) => refText(ref)));
  }

  #hold(entry: Entry<T>, refs: ReadonlySet<string>): void {
    const holder = refText({ table: this.name, key: entry.key });
    for (const ref of refs.difference(entry.refs)) this.#around.hold(ref, holder);
    for (const ref of entry.refs.difference(refs)) this.#around.release(ref, holder);
    entry.refs = refs;
  }
}
