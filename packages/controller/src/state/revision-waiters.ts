import { HoldfastError } from "@holdfast/core";

/** Those who wait until the copy in memory has a commit. */
export class RevisionWaiters {
  readonly #waiters = new Map<number, PromiseWithResolvers<void>>();
  #failure: HoldfastError | undefined;

  /** Resolves when {@link wake} or {@link wakeUpTo} comes to the revision. @throws HoldfastError `unavailable` after {@link fail}. */
  waitFor(revision: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const waiter = this.#waiters.get(revision) ?? Promise.withResolvers<void>();
    this.#waiters.set(revision, waiter);
    return waiter.promise;
  }

  /** Commits come one by one, so that only those who wait for this one need be looked for. */
  wake(revision: number): void {
    this.#waiters.get(revision)?.resolve();
    this.#waiters.delete(revision);
  }

  wakeUpTo(revision: number): void {
    for (const awaited of [...this.#waiters.keys()]) if (awaited <= revision) this.wake(awaited);
  }

  /** Nothing more will come. */
  fail(reason: string): void {
    this.#failure = new HoldfastError("unavailable", `the controller no longer follows its store: ${reason}`);
    for (const waiter of this.#waiters.values()) waiter.reject(this.#failure);
    this.#waiters.clear();
  }
}
