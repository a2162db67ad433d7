import { errorText, HoldfastError, isHoldfastError } from "@holdfast/core";
import type { Entry } from "./entry.ts";

interface Waiter {
  readonly keys: Set<string>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Those who wait for rows to be as desired. */
export class Settling<T> {
  readonly #table: string;
  readonly #entries: ReadonlyMap<string, Entry<T>>;
  readonly #waiters = new Set<Waiter>();

  constructor(table: string, entries: ReadonlyMap<string, Entry<T>>) {
    this.#table = table;
    this.#entries = entries;
  }

  /** Resolves when every row is done, or gone when it was to be removed. @throws as {@link Table.settled}. */
  async settled(keys: Iterable<string>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const open = new Set<string>();
    for (const key of keys) {
      const entry = this.#entries.get(key);
      if (entry === undefined || entry.state === "done") continue;
      if (isFinal(entry)) throw this.#failure(entry);
      open.add(key);
    }
    if (open.size === 0) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { keys: open, resolve, reject };
    const onAbort = (): void => reject(this.#late(open, signal.reason));
    this.#waiters.add(waiter);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await promise;
    } finally {
      this.#waiters.delete(waiter);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** An attempt at the row has ended, or the row is gone. */
  report(key: string): void {
    const entry = this.#entries.get(key);
    for (const waiter of this.#waiters) {
      if (!waiter.keys.has(key)) continue;
      if (entry === undefined || entry.state === "done") {
        waiter.keys.delete(key);
        if (waiter.keys.size === 0) waiter.resolve();
      } else if (isFinal(entry)) {
        waiter.reject(this.#failure(entry));
      }
    }
  }

  close(reason: unknown): void {
    for (const waiter of this.#waiters) waiter.reject(reason);
  }

  #failure(entry: Entry<T>): HoldfastError {
    const { error } = entry;
    const code = isHoldfastError(error) ? error.code : "internal";
    return new HoldfastError(code, `cannot ${entry.wanted ? "set" : "remove"} ${this.#table} ${entry.key}`, {
      cause: error,
      details: isHoldfastError(error) ? error.details : {},
    });
  }

  /** Why it took too long, when a row knows. */
  #late(keys: ReadonlySet<string>, reason: unknown): unknown {
    for (const key of keys) {
      const entry = this.#entries.get(key);
      if (entry?.error === undefined) continue;
      const text = `${this.#table} ${key} is not as desired after ${entry.attempts} tries: ${errorText(entry.error)}`;
      return new HoldfastError("timeout", text, { cause: reason });
    }
    return reason;
  }
}

/** Whether waiting longer is pointless for a caller; the reconciler goes on all the same. */
function isFinal<T>(entry: Entry<T>): boolean {
  return entry.state === "error" && !(isHoldfastError(entry.error) && entry.error.retryable);
}
