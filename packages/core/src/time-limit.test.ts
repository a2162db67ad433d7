import { describe, expect, test } from "vitest";
import { ManualClock } from "./testing/manual-clock.ts";
import { timeLimit } from "./time-limit.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("a time limit", () => {
  test("aborts when its time is over by the clock that it was given", async () => {
    const clock = new ManualClock();
    const signal = timeLimit(clock, 100);
    clock.advance(99);
    await turn();
    expect(signal.aborted).toBe(false);
    clock.advance(1);
    await turn();
    expect(signal.reason).toMatchObject({ name: "TimeoutError", message: "it took longer than 100 ms" });
  });

  test("aborts at once with another signal, and for its reason", () => {
    const other = new AbortController();
    const signal = timeLimit(new ManualClock(), 100, other.signal);
    other.abort("enough");
    expect(signal.reason).toBe("enough");
  });
});
