import { setImmediate as nextTurn } from "node:timers/promises";
import { HoldfastError } from "@holdfast/core";
import type { Records } from "./records.ts";
import type { Change, ChangeBatch } from "./store.ts";

/** How much is kept in memory for watchers that are nearly up to date, in changes. */
const RECENT_CHANGES = 8192;
/** How much a watcher takes at once, in changes; a batch is never split. */
const PAGE_CHANGES = 512;

interface Reader {
  readonly prefix: string;
  /** The revision up to which nothing under the prefix is missing. */
  cursor: number;
  /** Ends its sleep. */
  wake: (() => void) | undefined;
}

/**
 * Brings changes to watchers. A watcher is a cursor, not a queue: it reads on from the newest batches, which all share, and when it
 * is too slow for those, from the history. So it costs no memory, however slow it is, and misses nothing.
 */
export class ChangeFeed {
  readonly #records: Records;
  /** The newest batches, without gaps. */
  #recent: ChangeBatch[] = [];
  #recentChanges = 0;
  #newest: number;
  #compacted: number;
  /** Readers that are up to date. */
  readonly #sleepers = new Set<Reader>();
  #ended: HoldfastError | undefined;

  constructor(records: Records) {
    this.#records = records;
    this.#newest = records.opened.newest;
    this.#compacted = records.opened.compacted;
  }

  /** The revision of the newest batch. */
  get newest(): number {
    return this.#newest;
  }

  /** History up to and including a revision has been forgotten. */
  forgotten(revision: number): void {
    this.#compacted = revision;
  }

  /** Takes in a batch that is durable. Batches come in order, none missing. */
  publish(batch: ChangeBatch): void {
    this.#newest = batch.revision;
    this.#recent.push(batch);
    this.#recentChanges += batch.changes.length;
    if (this.#recentChanges > 2 * RECENT_CHANGES) this.#trim();
    for (const reader of this.#sleepers) {
      if (batch.changes.some((change) => keyOf(change).startsWith(reader.prefix))) this.#wake(reader);
      else reader.cursor = batch.revision;
    }
  }

  /** @see Store.watch */
  async *watch(prefix: string, after: number, signal: AbortSignal): AsyncGenerator<ChangeBatch, void> {
    const reader: Reader = { prefix, cursor: after, wake: undefined };
    const wake = (): void => this.#wake(reader);
    signal.addEventListener("abort", wake);
    try {
      while (!signal.aborted) {
        if (this.#ended !== undefined) throw this.#ended;
        this.#checkAlive(reader.cursor);
        if (reader.cursor === this.#newest) {
          await this.#sleep(reader);
          continue;
        }
        const recent = this.#pageOfRecent(reader.cursor);
        for (const batch of recent ?? (await this.#pageOfHistory(reader.cursor))) {
          reader.cursor = batch.revision;
          const changes = changesUnder(prefix, batch);
          if (changes.length === 0) continue;
          yield { revision: batch.revision, changes };
          if (signal.aborted) return;
        }
        if (recent === undefined) await nextTurn();
      }
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }

  /** Ends every watch, and those to come, with an error. */
  end(error: HoldfastError): void {
    this.#ended ??= error;
    for (const reader of this.#sleepers) this.#wake(reader);
  }

  #checkAlive(cursor: number): void {
    if (cursor < this.#compacted) throw compacted(cursor, this.#compacted);
    if (cursor > this.#newest) {
      throw gone(`revision ${cursor} is not in this store, which is at ${this.#newest}; list again`);
    }
  }

  /** Batches above the cursor from memory; undefined when the first of them is no longer there. */
  #pageOfRecent(cursor: number): readonly ChangeBatch[] | undefined {
    const first = this.#recent[0]?.revision;
    if (first === undefined || first > cursor + 1) return undefined;
    return this.#recent.slice(cursor + 1 - first, cursor + 1 - first + PAGE_CHANGES);
  }

  async #pageOfHistory(cursor: number): Promise<readonly ChangeBatch[]> {
    const page = await this.#records.history(cursor, PAGE_CHANGES);
    // Some of it may have been forgotten since it was asked for.
    if (cursor < page.compacted) throw compacted(cursor, page.compacted);
    return page.batches;
  }

  /** Resolves when there is something to read, or the end has come. */
  #sleep(reader: Reader): Promise<void> {
    return new Promise((resolve) => {
      reader.wake = resolve;
      this.#sleepers.add(reader);
    });
  }

  #wake(reader: Reader): void {
    this.#sleepers.delete(reader);
    reader.wake?.();
  }

  /** The newest batch stays, however large it is: readers who are up to date are about to take it. */
  #trim(): void {
    let dropped = 0;
    while (this.#recentChanges > RECENT_CHANGES && dropped < this.#recent.length - 1) {
      this.#recentChanges -= this.#recent[dropped]?.changes.length ?? 0;
      dropped++;
    }
    this.#recent = this.#recent.slice(dropped);
  }
}

function changesUnder(prefix: string, { changes }: ChangeBatch): readonly Change[] {
  return prefix === "" ? changes : changes.filter((change) => keyOf(change).startsWith(prefix));
}

function keyOf(change: Change): string {
  return change.kind === "put" ? change.entry.key : change.key;
}

function compacted(cursor: number, revision: number): HoldfastError {
  return gone(`changes after revision ${cursor} have been compacted up to ${revision}; list again`);
}

function gone(message: string): HoldfastError {
  return new HoldfastError("revision_gone", message);
}
