import { seededRandom } from "@holdfast/core/testing";
import { expect, test } from "vitest";
import { createKeyIndex } from "./key-index.ts";

test("equal keys have one number, others another one, through all growth", () => {
  const index = createKeyIndex(2, 100_000);
  const known = new Map<string, number>();
  const random = seededRandom(1);
  for (let turn = 0; turn < 50_000; turn++) {
    const key = Uint32Array.of(9, Math.floor(random() * 200), Math.floor(random() * 200) * 2 ** 24);
    const text = key.slice(1).join(" ");
    const number = index.find(key, 1);
    expect(number).toBe(known.get(text) ?? known.size);
    known.set(text, number);
  }
  expect(index.size).toBe(known.size);
  expect(index.size).toBeGreaterThan(20_000);
  for (const [text, number] of known) expect(index.keys.subarray(2 * number, 2 * number + 2).join(" ")).toBe(text);
});

test("there are no more than there may be, and those are found as ever", () => {
  const index = createKeyIndex(1, 3);
  expect([5, 6, 7, 8, 6, 9].map((key) => index.find(Uint32Array.of(key), 0))).toEqual([0, 1, 2, -1, 1, -1]);
});

test("what is forgotten is new", () => {
  const index = createKeyIndex(1, 3);
  index.find(Uint32Array.of(5), 0);
  index.clear();
  expect(index.size).toBe(0);
  expect([6, 5].map((key) => index.find(Uint32Array.of(key), 0))).toEqual([0, 1]);
});
