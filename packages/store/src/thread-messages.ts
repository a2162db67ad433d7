import { type ErrorCode, errorText, HoldfastError } from "@holdfast/core";
import type { KeyRange } from "./backend.ts";
import type { Packed } from "./packing.ts";
import type { HistoryPage, OpenedRecords, RecordsOptions } from "./records.ts";
import type { Survives } from "./sqlite-file.ts";
import type { Entry } from "./store.ts";

/** What the thread of the records is started with. */
export interface ThreadStart extends RecordsOptions {
  readonly path: string;
  readonly survives: Survives;
}

/** What the thread is asked, as it crosses over. Every question gets one answer; `perform` and the rest in turn each. */
export type Question =
  | { readonly kind: "perform"; readonly works: Packed }
  | { readonly kind: "get"; readonly id: number; readonly key: string }
  | { readonly kind: "list"; readonly id: number; readonly range: KeyRange }
  | { readonly kind: "history"; readonly id: number; readonly after: number; readonly changes: number }
  | { readonly kind: "close" };

export type Answer =
  | { readonly kind: "opened"; readonly records: OpenedRecords }
  | { readonly kind: "not-opened"; readonly error: CarriedError }
  /** Of the questions that were made one write: the outcomes of their works one after the other. */
  | { readonly kind: "performed"; readonly questions: number; readonly done: Packed; readonly compacted: number }
  | { readonly kind: "not-performed"; readonly questions: number; readonly error: CarriedError }
  | { readonly kind: "read"; readonly id: number; readonly result: Entry | undefined | ListResult | HistoryPage }
  | { readonly kind: "not-read"; readonly id: number; readonly error: CarriedError };

export interface ListResult {
  readonly entries: readonly Entry[];
  readonly revision: number;
}

/** An error as it crosses over: structured clones know no class of ours. */
export interface CarriedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
}

export function carried(error: unknown): CarriedError {
  if (error instanceof HoldfastError) {
    return { code: error.code, message: error.message, retryable: error.retryable };
  }
  return { code: "internal", message: errorText(error), retryable: false };
}

export function arrived({ code, message, retryable }: CarriedError): HoldfastError {
  return new HoldfastError(code, message, { retryable });
}
