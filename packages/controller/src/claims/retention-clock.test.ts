import { ManualClock } from "@holdfast/core/testing";
import { describe, expect, test } from "vitest";
import { claimName, type EngineHarness, OPERATOR, startEngine } from "../testing/engine-harness.ts";

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

describe("what is kept for a while, over and over", () => {
  test("of a claim that crashes and starts again for days only one end is planned, and it comes in time", async () => {
    await using harness = await detached(new ManualClock());
    const { expiry } = harness.engine.nouns;
    for (let round = 0; round < 50; round++) {
      const endpoint = `again-${round}`;
      const { claim } = await harness.reserve("h1", { endpoint, network: "web", identity: "a" });
      await harness.advance(60_000);
      await harness.report("h1", endpoint, claim.epoch, ["released"]);
      await harness.advance(60_000);
    }
    // One that was put off, and the one of the last detach; reservations are asked after for five minutes.
    expect(expiry.planned).toBeLessThan(10);
    await harness.advance(2 * HOUR - 61_000);
    expect(has(harness, "a")).toBe(true);
    await harness.advance(1000);
    expect(has(harness, "a")).toBe(false);
    expect(has(harness, "b")).toBe(true);
  });

  test("of an address that rests and is taken back only one end is planned, and the rest ends in time", async () => {
    await using harness = await startEngine();
    await harness.network("web", { cooldownSeconds: 7200 });
    const { expiry, claims } = harness.engine.nouns;
    for (let round = 0; round < 50; round++) {
      await harness.claim("web", "a");
      await claims.release(claimName("web", "a"), OPERATOR);
      await harness.advance(60_000);
    }
    expect(expiry.planned).toBeLessThan(3);
    const resting = async () => (await harness.store.list("cooling/")).entries.length;
    await harness.advance(2 * HOUR - 61_000);
    expect(await resting()).toBe(1);
    await harness.advance(1000);
    expect(await resting()).toBe(0);
  });

  test("a time that is made shorter is kept to", async () => {
    await using harness = await detached(new ManualClock());
    const { claims } = harness.engine.nouns;
    await harness.reserve("h1", { endpoint: "e3", network: "web", identity: "a" });
    await claims.update(claimName("web", "a"), { retention: { kind: "sticky", ttlSeconds: 60 } }, OPERATOR);
    await harness.report("h1", "e3", 2, ["released"]);
    await harness.advance(60_000);
    expect(has(harness, "a")).toBe(false);
  });
});
