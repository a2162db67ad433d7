import { describe, expect, test } from "vitest";
import { packDone, packWorks, unpackDone, unpackWorks } from "./packing.ts";
import type { Done, Work } from "./work.ts";

const WORKS: readonly Work[] = [
  { kind: "commit", conditions: [], operations: [] },
  {
    kind: "commit",
    conditions: [
      { key: "a", revision: 0 },
      { key: "b", revision: 7 },
    ],
    operations: [
      { kind: "put", key: "a", value: "" },
      { kind: "delete", key: "b" },
    ],
  },
  { kind: "commit", conditions: [], operations: [{ kind: "put", key: "a", value: "1", lease: "l" }] },
  { kind: "compact", revision: 3 },
  { kind: "start-lease", lease: { id: "l", ttlMilliseconds: 1, expires: 2 }, again: true },
  { kind: "end-lease", id: "l" },
];

const DONE: readonly Done[] = [
  { kind: "committed", revision: 8, created: [] },
  { kind: "committed", revision: 9, created: [9, 0] },
  { kind: "no-lease", id: "l" },
  { kind: "not-reached", newest: 9 },
  { kind: "done" },
  { kind: "lease-ended", revision: 9, keys: [] },
];

describe("what crosses over between threads", () => {
  test("works arrive as they were sent", () => {
    expect(unpackWorks(structuredClone(packWorks(WORKS)))).toEqual(WORKS);
  });

  test("outcomes arrive as they were sent, conflicts too", () => {
    expect(unpackDone(structuredClone(packDone(DONE)), WORKS)).toEqual(DONE);
    const [, second] = WORKS;
    const conflict: Done = { kind: "conflict", conflicts: [1] };
    expect(unpackDone(packDone([conflict]), second === undefined ? [] : [second])).toEqual([conflict]);
  });
});
