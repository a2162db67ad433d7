import { describe, expect, test } from "vitest";
import { createEpochs } from "./epochs.ts";

describe("epochs", () => {
  test("change with what is told, at once, and when it begins or ends", () => {
    const epochs = createEpochs();
    const at = (time: number): number => {
      epochs.moveTo(time);
      return epochs.epoch;
    };
    at(100);
    const before = epochs.epoch;
    epochs.note(200);
    epochs.note(300);
    const first = at(101);
    expect(first).toBeGreaterThan(before);
    expect([at(150), at(199)]).toEqual([first, first]);
    expect([at(200), at(250), at(299)]).toEqual([first + 1, first + 1, first + 1]);
    expect([at(301), at(400)]).toEqual([first + 2, first + 2]);
    epochs.note(350);
    expect(at(401)).toBe(first + 3);
    expect(at(300)).toBe(first + 4);
  });

  test("change with every step where too many times are to come to know them", () => {
    const epochs = createEpochs();
    for (let time = 1; time <= 10_000; time++) epochs.note(1000 + 2 * time);
    const seen = new Set<number>();
    for (let time = 1001; time < 21_000; time += 2) {
      epochs.moveTo(time);
      seen.add(epochs.epoch);
    }
    expect(seen.size).toBe(10_000);
    epochs.moveTo(30_000);
    const last = epochs.epoch;
    epochs.moveTo(30_001);
    expect(epochs.epoch).toBe(last);
  });
});
