import { systemClock } from "@holdfast/core";
import { ManualClock, RecordingLogger } from "@holdfast/core/testing";
import { describe, expect, test } from "vitest";
import { TEN_O_CLOCK, windowOf } from "../testing/made-traffic.ts";
import { createSteadyStore } from "./steady-store.ts";

const origin = { stream: "s", number: 1, checkpoint: "{}" };
const store = (take: () => Promise<void>) => ({ kind: "test", description: "", take });

describe("a store that a stream stands behind", () => {
  test("is given a window until it has it, and then says so once", async () => {
    const clock = new ManualClock();
    const kept: unknown[] = [];
    let refusals = 2;
    const steady = createSteadyStore(
      {
        clock,
        logger: new RecordingLogger(),
        kept: (one) => kept.push(one),
        store: store(async () => {
          if (refusals-- > 0) throw new Error("full");
        }),
      },
      new AbortController().signal,
    );
    const taking = steady.take({ ...windowOf(TEN_O_CLOCK, []), origin });
    await expect.poll(() => steady.error).toBe("full");
    expect(kept).toEqual([]);
    await expect
      .poll(() => {
        clock.advance(1000);
        return kept;
      })
      .toEqual([origin]);
    await taking;
    expect(steady.error).toBeUndefined();
  });

  test("is given nothing more after the end, so that no window is kept without the one before", async () => {
    const ending = new AbortController();
    const given: string[] = [];
    const kept: unknown[] = [];
    const steady = createSteadyStore(
      {
        clock: systemClock,
        logger: new RecordingLogger(),
        kept: (one) => kept.push(one),
        store: store(async () => {
          given.push("window");
          throw new Error("full");
        }),
      },
      ending.signal,
    );
    const taking = steady.take({ ...windowOf(TEN_O_CLOCK, []), origin });
    await expect.poll(() => given).toHaveLength(1);
    ending.abort();
    await taking;
    await steady.take({ ...windowOf(TEN_O_CLOCK + 10_000, []), origin: { ...origin, number: 2 } });
    expect([given, kept]).toEqual([["window"], []]);
  });

  test("fails at once with a window that nothing gives again", async () => {
    const steady = createSteadyStore(
      {
        clock: systemClock,
        logger: new RecordingLogger(),
        kept: () => undefined,
        store: store(() => Promise.reject(new Error("full"))),
      },
      new AbortController().signal,
    );
    await expect(steady.take(windowOf(TEN_O_CLOCK, []))).rejects.toThrow("full");
  });
});
