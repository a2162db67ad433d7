import type { Condition, Operation } from "./store.ts";
import type { Done, Work } from "./work.ts";

/**
 * Works and outcomes as one flat list: structured clones of many small objects cost several times as much, on the thread that is short of
 * time. Commits without leases, which are nearly all, are laid out as
 *
 *     conditions, operations, (key, revision)…, (key, value or undefined for a deletion)…
 *
 * and what became of one that committed as `revision, created…`. Everything else is {@link WHOLE} and the object.
 */
export type Packed = readonly unknown[];

const WHOLE = -1;

export function packWorks(works: readonly Work[]): Packed {
  const packed: unknown[] = [];
  for (const work of works) {
    if (work.kind !== "commit" || work.operations.some(hasLease)) {
      packed.push(WHOLE, work);
      continue;
    }
    const { conditions, operations } = work;
    packed.push(conditions.length, operations.length);
    for (const { key, revision } of conditions) packed.push(key, revision);
    for (const operation of operations) {
      packed.push(operation.key, operation.kind === "put" ? operation.value : undefined);
    }
  }
  return packed;
}

export function unpackWorks(packed: Packed): Work[] {
  const works: Work[] = [];
  for (let at = 0; at < packed.length; ) {
    const count = packed[at++] as number;
    if (count === WHOLE) {
      works.push(packed[at++] as Work);
      continue;
    }
    const operationCount = packed[at++] as number;
    const conditions: Condition[] = [];
    for (const end = at + 2 * count; at < end; at += 2) {
      conditions.push({ key: packed[at] as string, revision: packed[at + 1] as number });
    }
    const operations: Operation[] = [];
    for (const end = at + 2 * operationCount; at < end; at += 2) {
      const key = packed[at] as string;
      const value = packed[at + 1] as string | undefined;
      operations.push(value === undefined ? { kind: "delete", key } : { kind: "put", key, value });
    }
    works.push({ kind: "commit", conditions, operations });
  }
  return works;
}

export function packDone(done: readonly Done[]): Packed {
  const packed: unknown[] = [];
  for (const one of done) {
    if (one.kind !== "committed") packed.push(WHOLE, one);
    else {
      packed.push(one.revision);
      for (const created of one.created) packed.push(created);
    }
  }
  return packed;
}

/** @param works what the outcomes are of */
export function unpackDone(packed: Packed, works: readonly Work[]): Done[] {
  let at = 0;
  return works.map((work) => {
    const revision = packed[at++] as number;
    if (revision === WHOLE) return packed[at++] as Done;
    const from = at;
    at += work.kind === "commit" ? work.operations.length : 0;
    return { kind: "committed", revision, created: packed.slice(from, at) as number[] };
  });
}

function hasLease(operation: Operation): boolean {
  return operation.kind === "put" && operation.lease !== undefined;
}
