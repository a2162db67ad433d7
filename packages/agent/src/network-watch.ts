import type { WiredNetwork } from "@holdfast/model";
import type { Book } from "./book.ts";

/** Tells followers of every change of the set of networks. */
export interface NetworkWatch {
  changed(): void;
  /** What there is, once the book is complete, then again after changes; several changes may come as one. Ends with the signal. */
  follow(signal: AbortSignal): AsyncIterable<readonly WiredNetwork[]>;
}

export function createNetworkWatch(book: Book): NetworkWatch {
  let turn = Promise.withResolvers<void>();
  return {
    changed() {
      turn.resolve();
      turn = Promise.withResolvers<void>();
    },
    async *follow(signal) {
      const aborted = new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
      while (!signal.aborted) {
        const next = turn.promise;
        if (book.complete) yield [...book.networks.values()];
        await Promise.race([next, aborted]);
      }
    },
  };
}
