import { backoff, type Clock, HoldfastError, systemClock } from "@holdfast/core";
import { compareKeys } from "./keys.ts";
import type { Condition, Entry, Operation, Store } from "./store.ts";

/** What the work of {@link transact} may do. Reads see what this attempt wrote; nothing is written before the work is done. */
export interface Attempt {
  /** 0 for the first try. */
  readonly number: number;
  /** The value, with which the result will have to agree. */
  get(key: string): Promise<Entry | undefined>;
  /**
   * All entries under a prefix; each will have to be unchanged. Entries that others add under the prefix meanwhile go unnoticed:
   * where that matters, let every writer also put one key, and read it here.
   */
  list(prefix: string): Promise<readonly Entry[]>;
  /** Takes over a read from the caller's own cache: the key will have to be at this revision; 0 means absent. */
  expect(key: string, revision: number): void;
  put(key: string, value: string, options?: { readonly lease?: string }): void;
  delete(key: string): void;
}

export interface TransactOptions {
  /** How often the work is run at most. Default 16. */
  readonly tries?: number;
  /** For the pauses between tries. */
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly signal?: AbortSignal;
}

/**
 * Reads, decides and writes as if nobody else did: runs the work, commits what it put on condition that everything it read is
 * unchanged, and runs it again when it is not. The work must have no other effects. Gives its result and the revision it is in.
 *
 * When the work throws, the error is passed on if what it read was true, else the work is run again.
 *
 * @throws HoldfastError `conflict` when the last try found a change, too; it names the keys.
 */
export async function transact<T>(
  store: Pick<Store, "get" | "list" | "commit">,
  work: (attempt: Attempt) => Promise<T> | T,
  options: TransactOptions = {},
): Promise<{ readonly result: T; readonly revision: number }> {
  const { tries = 16, clock = systemClock, random = Math.random, signal = new AbortController().signal } = options;
  let conflicts: readonly Condition[] = [];
  for (let number = 0; number < tries; number++) {
    if (number > 0) await clock.wait(backoff(number - 1, { first: 1, longest: 100, random }), signal);
    signal.throwIfAborted();
    const outcome = await attemptOnce(store, work, number);
    if (outcome.kind === "committed") return { result: outcome.result, revision: outcome.revision };
    conflicts = outcome.conflicts;
  }
  const keys = conflicts.map(({ key }) => key).join(", ");
  throw new HoldfastError("conflict", `${keys} changed during each of ${tries} tries; try again`, { retryable: true });
}

type AttemptOutcome<T> =
  | { readonly kind: "committed"; readonly result: T; readonly revision: number }
  | { readonly kind: "conflict"; readonly conflicts: readonly Condition[] };

async function attemptOnce<T>(
  store: Pick<Store, "get" | "list" | "commit">,
  work: (attempt: Attempt) => Promise<T> | T,
  number: number,
): Promise<AttemptOutcome<T>> {
  const attempt = new RecordingAttempt(store, number);
  const finished = await settled(work, attempt);
  if (attempt.contradictions.length > 0) return { kind: "conflict", conflicts: attempt.contradictions };
  const operations = finished.kind === "returned" ? attempt.operations() : [];
  const outcome = await store.commit({ conditions: attempt.conditions(), operations });
  if (outcome.kind === "conflict") return outcome;
  if (finished.kind === "threw") throw finished.error;
  return { kind: "committed", result: finished.result, revision: outcome.revision };
}

async function settled<T>(
  work: (attempt: Attempt) => Promise<T> | T,
  attempt: Attempt,
): Promise<{ kind: "returned"; result: T } | { kind: "threw"; error: unknown }> {
  try {
    return { kind: "returned", result: await work(attempt) };
  } catch (error) {
    return { kind: "threw", error };
  }
}

class RecordingAttempt implements Attempt {
  readonly number: number;
  /** Keys that were seen at two revisions: there is no use in committing. */
  readonly contradictions: Condition[] = [];
  readonly #store: Pick<Store, "get" | "list">;
  readonly #read = new Map<string, number>();
  readonly #operations = new Map<string, Operation>();

  constructor(store: Pick<Store, "get" | "list">, number: number) {
    this.#store = store;
    this.number = number;
  }

  async get(key: string): Promise<Entry | undefined> {
    const entry = await this.#store.get(key);
    this.expect(key, entry?.revision ?? 0);
    return this.#asWritten(key, entry);
  }

  async list(prefix: string): Promise<readonly Entry[]> {
    const { entries } = await this.#store.list(prefix);
    const found = new Map(entries.map((entry) => [entry.key, entry]));
    for (const entry of entries) this.expect(entry.key, entry.revision);
    const keys = new Set([...found.keys(), ...this.#operations.keys()].filter((key) => key.startsWith(prefix)));
    return [...keys].sort(compareKeys).flatMap((key) => this.#asWritten(key, found.get(key)) ?? []);
  }

  expect(key: string, revision: number): void {
    const known = this.#read.get(key);
    if (known === undefined) this.#read.set(key, revision);
    else if (known !== revision) this.contradictions.push({ key, revision: known });
  }

  put(key: string, value: string, options: { readonly lease?: string } = {}): void {
    this.#operations.set(key, { kind: "put", key, value, ...options });
  }

  delete(key: string): void {
    this.#operations.set(key, { kind: "delete", key });
  }

  conditions(): readonly Condition[] {
    return Array.from(this.#read, ([key, revision]) => ({ key, revision }));
  }

  operations(): readonly Operation[] {
    return [...this.#operations.values()];
  }

  /** An entry as it will be; one that is not committed yet has revision 0. */
  #asWritten(key: string, entry: Entry | undefined): Entry | undefined {
    const operation = this.#operations.get(key);
    if (operation === undefined) return entry;
    if (operation.kind === "delete") return undefined;
    return { key, value: operation.value, revision: entry?.revision ?? 0, created: entry?.created ?? 0 };
  }
}
