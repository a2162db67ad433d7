import { HoldfastError } from "@holdfast/core";
import type { Change, ChangeBatch, CommitResult, Entry, Store, Transaction } from "@holdfast/store";
import { never, type SimulatedProcess } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";

/** How the way to the store of one process is. */
export interface StoreLink {
  down: boolean;
}

/** How likely it is that an operation's answer is that there is none. */
const FAILS = 0.01;
/** How likely it is that what a process has sent still arrives when it has ended. */
const ARRIVES = 0.5;

/**
 * The store that all controllers share, as a server of its own: operations travel there and back as events, each overtaking the others as it
 * likes; an answer may be lost when the operation was done, and when it was not.
 */
export class SharedStore {
  readonly entries = new Map<string, Entry>();
  readonly history: ChangeBatch[] = [];
  /** Called after each commit that has changed something. */
  onCommit: (batch: ChangeBatch, by: string) => void = () => undefined;
  /** No misfortune any more. */
  calm: () => boolean = () => false;
  readonly #scheduler: Scheduler;
  readonly #sleepers = new Set<() => void>();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  get revision(): number {
    return this.history.length;
  }

  under(prefix: string): Entry[] {
    return [...this.entries.values()]
      .filter(({ key }) => key.startsWith(prefix))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** The store as one process has it. */
  connect(process: SimulatedProcess, link: StoreLink): Store {
    const ask = <T>(label: string, work: () => T) => this.#ask(process, link, label, work);
    return {
      get: (key) => ask(`get ${key}`, () => this.entries.get(key)),
      list: (prefix, options = {}) => ask(`list ${prefix}`, () => this.#list(prefix, options)),
      commit: (transaction) =>
        ask(`commit ${transaction.operations.map(({ key }) => key).join(" ")}`, () =>
          this.#commit(transaction, process.name),
        ),
      revision: () => ask("revision", () => this.revision),
      watch: (prefix, options) => this.#watch(process, link, prefix, options),
      compact: () => Promise.resolve(),
      grantLease: () =>
        Promise.resolve({ id: "lease", keepAlive: async () => undefined, revoke: async () => undefined }),
      close: () => Promise.resolve(),
    };
  }

  #ask<T>(process: SimulatedProcess, link: StoreLink, label: string, work: () => T): Promise<T> {
    if (process.ended) return never();
    const scheduler = this.#scheduler;
    const lost = () => new HoldfastError("unavailable", "the store does not answer");
    return new Promise((resolve, reject) => {
      // Not an event of the process: what was sent may arrive after its end.
      scheduler.add(undefined, `store: ${process.name} ${label}`, () => {
        if (process.ended && !scheduler.chance(ARRIVES)) return;
        const fails = link.down || (!this.calm() && scheduler.chance(FAILS));
        if (fails && scheduler.chance(0.5)) return reject(lost());
        const result = work();
        scheduler.add(process, `${process.name}: answer to ${label}`, () => (fails ? reject(lost()) : resolve(result)));
      });
    });
  }

  #list(prefix: string, { limit = 0, after = "" }: { readonly limit?: number; readonly after?: string }) {
    const found = this.under(prefix).filter(({ key }) => key > after);
    const more = limit !== 0 && found.length > limit;
    return { entries: more ? found.slice(0, limit) : found, revision: this.revision, more };
  }

  #commit({ conditions, operations }: Transaction, by: string): CommitResult {
    const conflicts = conditions.filter(({ key, revision }) => (this.entries.get(key)?.revision ?? 0) !== revision);
    if (conflicts.length > 0) return { kind: "conflict", conflicts };
    const revision = this.revision + 1;
    const changes = operations.flatMap((operation): Change[] => {
      const { key } = operation;
      const present = this.entries.get(key);
      if (operation.kind === "delete") return present === undefined ? [] : [{ kind: "delete", key, revision }];
      const { value } = operation;
      return [{ kind: "put", entry: { key, value, revision, created: present?.created ?? revision } }];
    });
    if (changes.length === 0) return { kind: "committed", revision: this.revision };
    for (const change of changes) {
      if (change.kind === "put") this.entries.set(change.entry.key, change.entry);
      else this.entries.delete(change.key);
    }
    const batch = { revision, changes };
    this.history.push(batch);
    this.onCommit(batch, by);
    for (const wake of [...this.#sleepers]) wake();
    return { kind: "committed", revision };
  }

  async *#watch(
    process: SimulatedProcess,
    link: StoreLink,
    prefix: string,
    { after, signal }: { readonly after: number; readonly signal: AbortSignal },
  ): AsyncIterable<ChangeBatch> {
    for (let cursor = after; !signal.aborted; ) {
      if (cursor >= this.revision) await this.#more(signal);
      if (signal.aborted) return;
      await process.event(`change ${cursor + 1}`);
      if (link.down || (!this.calm() && this.#scheduler.chance(FAILS)))
        throw new HoldfastError("unavailable", "the watch has broken");
      const batch = this.history[cursor++];
      const changes = batch?.changes.filter((change) => keyOf(change).startsWith(prefix)) ?? [];
      if (batch !== undefined && changes.length > 0) yield { revision: batch.revision, changes };
    }
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#sleepers.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#sleepers.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}

function keyOf(change: Change): string {
  return change.kind === "put" ? change.entry.key : change.key;
}
