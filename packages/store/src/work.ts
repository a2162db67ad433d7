import type { LeaseRecord } from "./backend.ts";
import type { Transaction } from "./store.ts";

/** One piece of writing, as data: it may be done in another thread than the one that asks for it. */
export type Work =
  | ({ readonly kind: "commit" } & Transaction)
  | { readonly kind: "compact"; readonly revision: number }
  /** Grants a lease, or with `again` gives one that holds a new end. */
  | { readonly kind: "start-lease"; readonly lease: LeaseRecord; readonly again: boolean }
  | { readonly kind: "end-lease"; readonly id: string };

/** What became of a piece of work. It is on disk by the time anybody hears of it. */
export type Done =
  /**
   * For each operation, the revision in which its key was first put, or 0 where nothing changed: a deletion of an absent key. When
   * nothing at all changed, `revision` is the one that the records already had.
   */
  | { readonly kind: "committed"; readonly revision: number; readonly created: readonly number[] }
  /** Indexes of the conditions that did not hold. */
  | { readonly kind: "conflict"; readonly conflicts: readonly number[] }
  | { readonly kind: "lease-ended"; readonly revision: number; readonly keys: readonly string[] }
  | { readonly kind: "done" }
  | { readonly kind: "no-lease"; readonly id: string }
  | { readonly kind: "not-reached"; readonly newest: number };

/** What became of a group, and how far the history has been forgotten since. */
export interface GroupDone {
  readonly done: readonly Done[];
  readonly compacted: number;
}
