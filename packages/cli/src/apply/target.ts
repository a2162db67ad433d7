import { isHoldfastError } from "@holdfast/core";
import type { Network } from "@holdfast/model";
import type { Context } from "../context.ts";

/** Where documents are applied. */
export interface Target extends Context {
  /** Only says what would be done. */
  readonly dryRun: boolean;
  /** `tenant/network` of those that documents of the same file have made, or would. */
  readonly made: Set<string>;
}

/** What became of one document, or would. */
export interface Applied {
  readonly document: string;
  readonly outcome: "created" | "changed" | "unchanged";
  /** In words, one each. */
  readonly changes: readonly string[];
}

/** One request about a network, on condition of the revision that the one before left. */
export interface Step {
  readonly changes: readonly string[];
  run(conditional: Target["call"]): Promise<Network>;
}

/** Undefined: there is no such thing. */
export async function orAbsent<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (isHoldfastError(error, "not_found")) return undefined;
    throw error;
  }
}
