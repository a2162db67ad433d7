import { describe, expect, test } from "vitest";
import { createHeldDatagrams, type HeldDatagrams } from "./held-datagrams.ts";

const bytesOf = (length: number, fill: number): DataView => new DataView(new Uint8Array(length).fill(fill).buffer);

function shifted(held: HeldDatagrams): { at: number; bytes: number[] } | undefined {
  let found: { at: number; bytes: number[] } | undefined;
  held.shift((view, start, length, at) => {
    found = { at, bytes: [...new Uint8Array(view.buffer, view.byteOffset + start, length)] };
  });
  return found;
}

describe("held datagrams", () => {
  test("come out as they went in, whatever their lengths, again and again around the ring", () => {
    const held = createHeldDatagrams(1000);
    const model: { at: number; bytes: number[] }[] = [];
    let refused = 0;
    // Lengths and turns from a fixed row of numbers, so that every run is the same.
    for (let step = 1, seed = 7; step < 20_000; step++) {
      seed = (seed * 48_271) % 2_147_483_647;
      const length = seed % 300;
      if (seed % 5 < 3 && held.push(bytesOf(length, step & 255), 0, length, step))
        model.push({ at: step, bytes: Array.from({ length }, () => step & 255) });
      else if (seed % 5 < 3) refused += 1;
      else expect(shifted(held)).toEqual(model.shift());
      expect(held.oldest()).toBe(model[0]?.at ?? Number.POSITIVE_INFINITY);
    }
    expect(refused).toBeGreaterThan(100);
  });

  test("of a length that is no multiple of 8 take the whole ring", () => {
    const held = createHeldDatagrams(64);
    expect(held.push(bytesOf(41, 1), 0, 41, 1)).toBe(true);
    expect(held.push(bytesOf(0, 1), 0, 0, 2)).toBe(false);
    expect(shifted(held)?.bytes).toHaveLength(41);
    expect(held.push(bytesOf(49, 1), 0, 49, 3)).toBe(false);
    expect(held.push(bytesOf(48, 1), 0, 48, 3)).toBe(true);
  });
});
