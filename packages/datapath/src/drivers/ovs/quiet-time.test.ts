import { ManualClock } from "@holdfast/core/testing";
import { describe, expect, test } from "vitest";
import { QuietTime } from "./quiet-time.ts";

/** How long until it is time for the work, in steps of 10 ms. */
async function waited(clock: ManualClock, next: Promise<boolean>): Promise<number> {
  let due = false;
  void next.then(() => {
    due = true;
  });
  for (let milliseconds = 0; ; milliseconds += 10) {
    await new Promise((resolve) => setImmediate(resolve));
    if (due) return milliseconds;
    clock.advance(10);
  }
}

describe("work that can wait", () => {
  const { signal } = new AbortController();

  test("waits until nobody has touched it for a while", async () => {
    const clock = new ManualClock();
    const quiet = new QuietTime(clock);
    quiet.touch();
    expect(await waited(clock, quiet.next(signal))).toBe(100);
  });

  test("goes on at once where nobody touches it meanwhile, and waits as before where somebody does", async () => {
    const clock = new ManualClock();
    const quiet = new QuietTime(clock);
    quiet.touch();
    await waited(clock, quiet.next(signal));
    quiet.resume();
    expect(await waited(clock, quiet.next(signal))).toBe(0);
    quiet.touch();
    clock.advance(30);
    quiet.resume();
    expect(await waited(clock, quiet.next(signal))).toBe(70);
  });
});
