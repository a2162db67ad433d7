import { describe, expect, test } from "vitest";
import { createThreadLoad } from "./thread-load.ts";

function start() {
  const times = { active: 1000, idle: 5000 };
  const isBusy = createThreadLoad(() => ({ ...times }));
  return (active: number, idle: number): boolean => {
    times.active += active;
    times.idle += idle;
    return isBusy();
  };
}

describe("a thread", () => {
  test("is busy when it has had no rest lately, whatever it did before", () => {
    const after = start();
    expect(after(9, 3)).toBe(false);
    expect(after(11, 1)).toBe(true);
    expect(after(0, 500)).toBe(false);
  });

  test("is what it was found to be until there is enough to look at", () => {
    const after = start();
    expect(after(6, 0)).toBe(false);
    expect(after(6, 0)).toBe(true);
    expect(after(0, 6)).toBe(true);
    expect(after(0, 6)).toBe(false);
  });
});
