import { describe, expect, test } from "vitest";
import { claimName, type EngineHarness, OPERATOR, startEngine } from "../testing/engine-harness.ts";

const DAY = 24 * 3_600_000;
const release = (harness: EngineHarness, identity: string) =>
  harness.engine.nouns.claims.release(claimName("web", identity), OPERATOR);

/** Like `"claimed a"`, in the order in which they were written. */
async function left(harness: EngineHarness): Promise<string[]> {
  const { entries } = await harness.store.list("ledger/");
  const byTime = entries.toSorted((a, b) => a.revision - b.revision).map(({ value }) => JSON.parse(value));
  return byTime.map(({ event, identity }) => `${event} ${identity}`);
}

const forget = (harness: EngineHarness) => harness.engine.nouns.retention.forget(new AbortController().signal);

describe("forgetting history", () => {
  test("forgets what is older than it is kept, and says from when on the ledger is complete", async () => {
    await using harness = await startEngine({ options: { ledgerRetention: DAY } });
    await harness.network("web", { cooldownSeconds: 0 });
    await harness.claim("web", "a");
    await release(harness, "a");
    await harness.advance(DAY);
    expect(await left(harness)).toEqual(["claimed a", "released a"]);
    await harness.claim("web", "b");
    await release(harness, "b");
    await harness.advance(DAY);
    expect(await left(harness)).toEqual(["claimed b", "released b"]);
    expect(harness.logger.events.filter(({ message }) => message === "old history forgotten")).toHaveLength(1);
    expect((await harness.engine.nouns.order.head()).completeFrom).toBe("2026-01-01T00:00:00.001Z");
  });

  test("keeps the last entry of an address in use, until it is not the last any more", async () => {
    await using harness = await startEngine({ options: { ledgerRetention: DAY } });
    await harness.network("web", { cooldownSeconds: 0 });
    await harness.node("h1");
    await harness.claim("web", "a", { addresses: ["10.20.0.9"] });
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    await harness.advance(2 * DAY);
    expect(await left(harness)).toEqual(["bound a"]);
    await harness.advance(2 * DAY);
    expect(await left(harness)).toEqual(["bound a"]);
    await harness.report("h1", "e1", 1, ["released"]);
    await release(harness, "a");
    expect(await left(harness)).toEqual(["bound a", "detached a", "released a"]);
    await harness.advance(2 * DAY);
    expect(await left(harness)).toEqual([]);
  });

  test("keeps no more entries than it may, the newest", async () => {
    await using harness = await startEngine({ options: { ledgerEntries: 4 } });
    await harness.network("web", { cooldownSeconds: 0 });
    for (const identity of ["a", "b", "c"]) {
      await harness.claim("web", identity);
      await release(harness, identity);
      await harness.engine.nouns.order.flush();
    }
    await harness.advance(0);
    expect(await left(harness)).toEqual(["claimed b", "released b", "claimed c", "released c"]);
    expect((await harness.engine.nouns.order.head()).entries).toBe(4);
  });

  test("reads no more than what it forgets", async () => {
    await using harness = await startEngine({ options: { ledgerRetention: DAY } });
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/20" }], cooldownSeconds: 0 });
    await harness.claim("web", "old");
    await release(harness, "old");
    await harness.engine.nouns.order.flush();
    await harness.advance(DAY / 2);
    for (let index = 0; index < 300; index++) await harness.claim("web", `new-${index}`);
    await harness.engine.nouns.order.flush();
    let read = 0;
    const { list } = harness.store;
    harness.store.list = async (prefix, options) => {
      const page = await list.call(harness.store, prefix, options);
      read += page.entries.length;
      return page;
    };
    await harness.advance(0.6 * DAY);
    expect(read).toBeLessThan(10);
    expect(await left(harness)).toHaveLength(300);
  });

  test("goes on after it was interrupted between two steps", async () => {
    await using harness = await startEngine({ options: { ledgerRetention: DAY } });
    await harness.network("web", { cooldownSeconds: 0 });
    for (let index = 0; index < 80; index++) {
      await harness.claim("web", `c-${index}`);
      await release(harness, `c-${index}`);
    }
    harness.clock.advance(2 * DAY);
    const stopped = new AbortController();
    const { commit } = harness.store;
    harness.store.commit = (transaction) => {
      if (transaction.operations[0]?.kind === "delete") stopped.abort();
      return commit.call(harness.store, transaction);
    };
    await expect(harness.engine.nouns.retention.forget(stopped.signal)).rejects.toThrow("aborted");
    expect((await left(harness)).length).toBe(60);
    await forget(harness);
    expect(await left(harness)).toEqual([]);
    expect((await harness.engine.nouns.order.head()).entries).toBe(0);
  });
});
