import { HoldfastError } from "@holdfast/core";
import type { Backend, Writer } from "./backend.ts";

/**
 * One piece of writing. It decides before it writes: a refusal must leave the records as they were, and must not disturb the rest
 * of the group. What it throws fails the whole group.
 */
export type Step<T> = (writer: Writer) => Outcome<T>;

export type Outcome<T> =
  /** `whenDurable` runs once the group is on disk, before the caller hears of it. */
  | { readonly kind: "done"; readonly result: T; readonly whenDurable?: () => void }
  | { readonly kind: "refused"; readonly error: HoldfastError };

interface Member {
  run(writer: Writer): void;
  settle(): void;
  fail(error: unknown): void;
}

/**
 * Lets everything that waits to be written share one write of the backend, and so one disk flush.
 *
 * The write happens at the end of the turn: requests that arrived together are written together, and those that arrive while the
 * disk is busy make up the next group.
 */
export class GroupCommit {
  readonly #backend: Backend;
  #members: Member[] = [];
  #closed = false;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves when the step's writing is durable; rejects with its refusal, or with the backend's error. */
  run<T>(step: Step<T>): Promise<T> {
    if (this.#closed) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      this.#members.push(member(step, resolve, reject));
      if (this.#members.length === 1) setImmediate(() => this.flush());
    });
  }

  /** Writes what waits, now. */
  flush(): void {
    const group = this.#members;
    this.#members = [];
    if (group.length === 0) return;
    try {
      this.#backend.write((writer) => {
        for (const one of group) one.run(writer);
      });
    } catch (error) {
      for (const one of group) one.fail(error);
      return;
    }
    for (const one of group) one.settle();
  }

  /** Writes what waits and takes nothing more. */
  close(): void {
    this.#closed = true;
    this.flush();
  }
}

export function closedError(): HoldfastError {
  return new HoldfastError("unavailable", "the store is closed", { retryable: false });
}

/** Keeps one step's outcome until the group is durable. */
function member<T>(step: Step<T>, resolve: (result: T) => void, fail: (error: unknown) => void): Member {
  let settle = (): void => {};
  return {
    run(writer) {
      const outcome = step(writer);
      settle = () => {
        if (outcome.kind === "refused") return fail(outcome.error);
        outcome.whenDurable?.();
        resolve(outcome.result);
      };
    },
    settle: () => settle(),
    fail,
  };
}
