import { HoldfastError } from "@holdfast/core";
import type { Records } from "./records.ts";
import type { Done, GroupDone, Work } from "./work.ts";

interface Member {
  readonly work: Work;
  settle(done: Done): void;
  fail(error: unknown): void;
}

/**
 * Lets everything that waits to be written share one write, and so one disk flush.
 *
 * A group is handed over at the end of the turn, or as soon as it is large enough: requests that arrived together are written together, and
 * those that arrive while the disk is busy make up the next group.
 */
export class GroupCommit {
  readonly #records: Records;
  readonly #compacted: (revision: number) => void;
  #members: Member[] = [];
  #closed = false;

  /** @param compacted told how far the history has been forgotten, before the members of the group that did it are */
  constructor(records: Records, compacted: (revision: number) => void) {
    this.#records = records;
    this.#compacted = compacted;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Resolves with what `settle` makes of the outcome, once the work is durable; rejects with what it throws, or with the records' error.
   * `settle` is called in the order of the works, before any caller hears of the group.
   */
  run<T>(work: Work, settle: (done: Done) => T): Promise<T> {
    if (this.#closed) return Promise.reject(closedError());
    return new Promise((resolve, fail) => {
      this.#members.push({
        work,
        fail,
        settle(done) {
          try {
            resolve(settle(done));
          } catch (error) {
            fail(error);
          }
        },
      });
      if (this.#members.length === 1) setImmediate(() => this.flush());
      if (this.#members.length >= this.#records.handOver) this.flush();
    });
  }

  /** Hands over what waits, now. */
  flush(): void {
    const group = this.#members;
    this.#members = [];
    if (group.length === 0) return;
    const works = group.map(({ work }) => work);
    this.#records.perform(works, {
      done: (told) => this.#settle(group, told),
      failed: (error) => {
        for (const one of group) one.fail(error);
      },
    });
  }

  /** Hands over what waits and takes nothing more. */
  close(): void {
    this.#closed = true;
    this.flush();
  }

  #settle(group: readonly Member[], { done, compacted }: GroupDone): void {
    this.#compacted(compacted);
    for (const [index, one] of done.entries()) group[index]?.settle(one);
  }
}

export function closedError(): HoldfastError {
  return new HoldfastError("unavailable", "the store is closed", { retryable: false });
}
