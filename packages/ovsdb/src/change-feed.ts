import { HoldfastError } from "@holdfast/core";
import type { RowChange } from "./ovsdb.ts";

/** Those who wait for changes, either for a condition or for the changes themselves. */
export class ChangeFeed {
  readonly #checks = new Set<() => void>();
  readonly #readers = new Set<Reader>();
  #closed = false;

  /** Hands the changes to every reader, then asks every probe. */
  emit(changes: readonly RowChange[]): void {
    for (const reader of this.#readers) reader.push(changes);
    for (const check of [...this.#checks]) check();
  }

  /** Ends readers, and rejects what waits. */
  close(): void {
    this.#closed = true;
    for (const reader of [...this.#readers]) reader.end();
    for (const check of [...this.#checks]) check();
  }

  until<T>(probe: () => T | undefined, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        this.#checks.delete(check);
        signal.removeEventListener("abort", check);
        finish();
      };
      const check = (): void => {
        try {
          signal.throwIfAborted();
          const answer = probe();
          if (answer !== undefined) settle(() => resolve(answer));
          else if (this.#closed) throw new HoldfastError("unavailable", "the database client was closed");
        } catch (error) {
          settle(() => reject(error));
        }
      };
      this.#checks.add(check);
      signal.addEventListener("abort", check, { once: true });
      check();
    });
  }

  watch(signal: AbortSignal): AsyncIterable<RowChange> {
    const end = (): void => {
      this.#readers.delete(reader);
      signal.removeEventListener("abort", end);
      reader.end();
    };
    const reader = new Reader(end);
    if (signal.aborted || this.#closed) reader.end();
    else {
      this.#readers.add(reader);
      signal.addEventListener("abort", end, { once: true });
    }
    return reader;
  }
}

/** A queue between the connection, which does not wait, and one reader. */
class Reader implements AsyncIterableIterator<RowChange> {
  #queue: RowChange[] = [];
  #next = 0;
  #wake: (() => void) | undefined;
  #ended = false;
  readonly #stop: () => void;

  constructor(stop: () => void) {
    this.#stop = stop;
  }

  push(changes: readonly RowChange[]): void {
    for (const change of changes) this.#queue.push(change);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<RowChange, undefined>> {
    for (;;) {
      const value = this.#take();
      if (value !== undefined) return { done: false, value };
      if (this.#ended) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  return(): Promise<IteratorResult<RowChange, undefined>> {
    this.#stop();
    this.#queue = [];
    this.#next = 0;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): RowChange | undefined {
    const value = this.#queue[this.#next++];
    if (this.#next < this.#queue.length) return value;
    this.#queue = [];
    this.#next = 0;
    return value;
  }
}
