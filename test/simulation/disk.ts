import type { ChangeBatch, CommitResult, Entry, Store, Transaction } from "@holdfast/store";
import { never, type SimulatedProcess } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";

/** A machine's disk, with what its agent keeps on it: written in order, and what the agent has begun to write when it ends is not written. */
export class Disk {
  readonly entries = new Map<string, Entry>();
  readonly #scheduler: Scheduler;
  #revision = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** The store as one process has it. */
  open(process: SimulatedProcess): Store {
    const waiting: (() => void)[] = [];
    const alive = <T>(work: () => T): Promise<T> => (process.ended ? never() : Promise.resolve(work()));
    return {
      get: (key) => alive(() => this.entries.get(key)),
      list: (prefix) =>
        alive(() => {
          const entries = [...this.entries.values()].filter(({ key }) => key.startsWith(prefix));
          return { entries, revision: this.#revision, more: false };
        }),
      commit: (transaction) =>
        process.ended
          ? never()
          : new Promise((resolve) => {
              const done = (result: CommitResult) =>
                this.#scheduler.add(process, `${process.name}: written`, () => resolve(result));
              waiting.push(() => done(this.#write(transaction)));
              this.#scheduler.add(process, `${process.name}: writes`, () => waiting.shift()?.());
            }),
      revision: () => alive(() => this.#revision),
      watch: () => nothing(),
      compact: () => Promise.resolve(),
      grantLease: () => Promise.reject(new TypeError("a book has no leases")),
      close: () => Promise.resolve(),
    };
  }

  #write({ operations }: Transaction): CommitResult {
    const revision = ++this.#revision;
    for (const operation of operations) {
      const { key } = operation;
      if (operation.kind === "delete") this.entries.delete(key);
      else this.entries.set(key, { key, value: operation.value, revision, created: revision });
    }
    return { kind: "committed", revision };
  }
}

async function* nothing(): AsyncIterable<ChangeBatch> {}
