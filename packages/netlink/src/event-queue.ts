/**
 * Values that one side pushes and the other awaits, until it is ended. What is pushed after the end is dropped.
 *
 * Holds at most `limit` values that nobody has taken; one more replaces them all by `overflow`.
 */
export class EventQueue<T> implements AsyncIterableIterator<T> {
  #values: T[] = [];
  #waiting: PromiseWithResolvers<IteratorResult<T>>[] = [];
  #failure: Error | undefined;
  #ended = false;
  readonly #limit: number;
  readonly #overflow: T;
  readonly #onEnd: () => void;

  constructor(options: { readonly limit: number; readonly overflow: T; readonly onEnd: () => void }) {
    this.#limit = options.limit;
    this.#overflow = options.overflow;
    this.#onEnd = options.onEnd;
  }

  push(value: T): void {
    if (this.#ended) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting.resolve({ done: false, value });
    else if (this.#values.length >= this.#limit) this.#values = [this.#overflow];
    else this.#values.push(value);
  }

  /** No more values. Who waits, or is the next to ask, gets the failure if there is one. */
  end(failure?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#values = [];
    this.#onEnd();
    const waiting = this.#waiting.splice(0);
    if (failure !== undefined) {
      const first = waiting.shift();
      if (first === undefined) this.#failure = failure;
      else first.reject(failure);
    }
    for (const { resolve } of waiting) resolve({ done: true, value: undefined });
  }

  async next(): Promise<IteratorResult<T>> {
    const failure = this.#failure;
    if (failure !== undefined) {
      this.#failure = undefined;
      throw failure;
    }
    if (this.#values.length > 0) return { done: false, value: this.#values.shift() as T };
    if (this.#ended) return { done: true, value: undefined };
    const waiting = Promise.withResolvers<IteratorResult<T>>();
    this.#waiting.push(waiting);
    return await waiting.promise;
  }

  async return(): Promise<IteratorResult<T>> {
    this.end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
