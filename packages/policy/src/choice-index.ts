import type { Identity, Name } from "@holdfast/core";
import type { LabelSelector } from "@holdfast/model";
import type { Member } from "./world.ts";

/** How something chooses claims: at least one of these that are there. */
export interface Choice {
  readonly selector?: LabelSelector | undefined;
  readonly identities?: readonly Identity[] | undefined;
  /** Claims whose addresses come from ranges of this group. */
  readonly group?: Name | undefined;
}

/**
 * What may choose a claim, without asking everything that chooses: found by one label that a selector insists on, by identity, by group. Who chooses by
 * nothing of that is always asked.
 */
export class ChoiceIndex<T> {
  readonly #buckets = new Map<string, Set<T>>();

  add(item: T, choice: Choice): void {
    for (const bucket of bucketsOf(choice)) this.#buckets.getOrInsertComputed(bucket, () => new Set<T>()).add(item);
  }

  delete(item: T, choice: Choice): void {
    for (const bucket of bucketsOf(choice)) {
      const items = this.#buckets.get(bucket);
      items?.delete(item);
      if (items?.size === 0) this.#buckets.delete(bucket);
    }
  }

  /** Everything that may choose it; some may not. */
  candidates({ labels, identity, group }: Member): Set<T> {
    const found = new Set<T>(this.#buckets.get("any"));
    const gather = (bucket: string) => {
      for (const item of this.#buckets.get(bucket) ?? []) found.add(item);
    };
    for (const [key, value] of Object.entries(labels)) {
      gather(labelBucket(key, value));
      gather(`key ${key}`);
    }
    gather(`identity ${identity}`);
    if (group !== undefined) gather(`group ${group}`);
    return found;
  }
}

function bucketsOf({ selector, identities = [], group }: Choice): string[] {
  return [
    ...(selector === undefined ? [] : selectorBuckets(selector)),
    ...identities.map((identity) => `identity ${identity}`),
    ...(group === undefined ? [] : [`group ${group}`]),
  ];
}

function selectorBuckets({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string[] {
  // Whatever the order in which they are written: who chooses by the same labels is found and taken out in one place.
  const [equality] = Object.entries(matchLabels)
    .map(([key, value]) => labelBucket(key, value))
    .sort();
  if (equality !== undefined) return [equality];
  for (const expression of matchExpressions) {
    if (expression.operator === "In") return expression.values.map((value) => labelBucket(expression.key, value));
    if (expression.operator === "Exists") return [`key ${expression.key}`];
  }
  return ["any"];
}

function labelBucket(key: string, value: string): string {
  return `label ${key}=${value}`;
}
