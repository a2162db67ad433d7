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

  function changed(): void {
    turn.resolve();
    turn = Promise.withResolvers();
  }

  return {
    changed,
    async *follow(signal) {
      // Another who follows looks once more, and finds nothing new.
      signal.addEventListener("abort", changed, { once: true });
      while (!signal.aborted) {
        const next = turn.promise;
        if (book.complete) yield [...book.networks.values()];
        await next;
      }
    },
  };
}
