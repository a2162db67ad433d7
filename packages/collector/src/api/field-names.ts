import type { HoldfastError } from "@holdfast/core";
import { refused } from "./refused.ts";

/** What a `by` names, e.g. `"tenant, rule"`. Empty: nothing. */
export function namesIn(by: string): readonly string[] {
  return by
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** Of a `by` that names a field which there is not. */
export function noSuchField(name: string, known: readonly string[]): HoldfastError {
  return refused("by", `there is no field ${JSON.stringify(name)}; there are ${known.join(", ")}`);
}
