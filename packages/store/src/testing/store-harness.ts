import type { ChangeBatch, Store } from "../store.ts";

/** A store under test, and what a test cannot do through the interface. */
export interface StoreHarness {
  readonly store: Store;
  /** Lets time pass, as leases count it. */
  elapse(milliseconds: number): Promise<void>;
  /** Closes the store and opens its records again; absent when they end with the store. */
  reopen?(): Promise<Store>;
  /** Closes what is open and removes what was made. */
  dispose(): Promise<void>;
}

export interface Collected {
  /** Waits until so many batches have come. */
  until(count: number): Promise<void>;
  /** Aborts the watch and gives all that came. */
  stop(): Promise<readonly ChangeBatch[]>;
  /** Resolves or rejects as the iteration ends. */
  readonly ended: Promise<void>;
}

/** Runs a watch in the background. A slow one stops for a while after each so many batches. */
export function collect(store: Store, prefix: string, after: number, options: { pauseEvery?: number } = {}): Collected {
  const { pauseEvery = Number.POSITIVE_INFINITY } = options;
  const abort = new AbortController();
  const batches: ChangeBatch[] = [];
  let heard = Promise.withResolvers<void>();
  const ended = (async () => {
    for await (const batch of store.watch(prefix, { after, signal: abort.signal })) {
      batches.push(batch);
      heard.resolve();
      heard = Promise.withResolvers();
      if (batches.length % pauseEvery === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  ended.catch(() => {});
  return {
    async until(count) {
      while (batches.length < count) await Promise.race([heard.promise, ended]);
    },
    async stop() {
      abort.abort();
      await ended;
      return batches;
    },
    ended,
  };
}
