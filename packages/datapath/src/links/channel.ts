/** Values from one who pushes to one who reads, in order; ends with the signal. */
export class Channel<T> implements AsyncIterable<T> {
  readonly #values: T[] = [];
  readonly #signal: AbortSignal;
  #news = Promise.withResolvers<void>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#news.resolve(), { once: true });
  }

  push(value: T): void {
    this.#values.push(value);
    this.#news.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    while (!this.#signal.aborted) {
      const value = this.#values.shift();
      if (value !== undefined) {
        yield value;
        continue;
      }
      await this.#news.promise;
      if (!this.#signal.aborted) this.#news = Promise.withResolvers();
    }
  }
}
