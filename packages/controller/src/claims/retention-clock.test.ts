import { ManualClock } from "@holdfast/core/testing";
import { describe, expect, test } from "vitest";
import { type EngineHarness, startEngine } from "../testing/engine-harness.ts";

/** A clock that somebody sets while timers run on. */
class SettableClock extends ManualClock {
  /** Milliseconds by which it was set forward. */
  ahead = 0;

  override now(): Date {
    return new Date(super.now().getTime() + this.ahead);
  }
}

const HOUR = 3_600_000;

/** A claim `a` that was detached just now and is kept for two hours, and a claim `b` that is bound. */
async function detached(clock: ManualClock): Promise<EngineHarness> {
  const harness = await startEngine({ clock });
  await harness.network("web");
  await harness.node("h1");
  for (const [identity, endpoint] of [
    ["a", "e1"],
    ["b", "e2"],
  ] as const) {
    await harness.claim("web", identity, { retention: { kind: "sticky", ttlSeconds: 7200 } });
    await harness.reserve("h1", { endpoint, network: "web", identity });
  }
  await harness.report("h1", "e1", 1, ["released"]);
  return harness;
}

const has = (harness: EngineHarness, identity: string): boolean => {
  try {
    return harness.getClaim("web", identity).addresses.length > 0;
  } catch {
    return false;
  }
};

describe("a sticky claim", () => {
  test("that ran out while no controller ran goes at the next start; one that is bound stays", async () => {
    const clock = new ManualClock();
    await using first = await detached(clock);
    await first.engine.stop();
    clock.advance(3 * HOUR);
    await using second = await startEngine({ store: first.store, clock });
    await second.advance(0);
    expect([has(second, "a"), has(second, "b")]).toEqual([false, true]);
  });

  test("that has time left at a start keeps just that", async () => {
    const clock = new ManualClock();
    await using first = await detached(clock);
    await first.engine.stop();
    clock.advance(HOUR);
    await using second = await startEngine({ store: first.store, clock });
    await second.advance(HOUR - 1);
    expect(has(second, "a")).toBe(true);
    await second.advance(1);
    expect(has(second, "a")).toBe(false);
  });

  test("goes within a minute when the clock was set forward", async () => {
    const clock = new SettableClock();
    await using harness = await detached(clock);
    clock.ahead = 3 * HOUR;
    await harness.advance(60_000);
    expect([has(harness, "a"), has(harness, "b")]).toEqual([false, true]);
  });

  test("does not go before its time when the clock was set back", async () => {
    const clock = new SettableClock();
    await using harness = await detached(clock);
    clock.ahead = -HOUR;
    for (let minutes = 0; minutes < 179; minutes++) await harness.advance(60_000);
    expect(has(harness, "a")).toBe(true);
    await harness.advance(60_000);
    expect(has(harness, "a")).toBe(false);
  });
});
