import { ManualClock } from "@holdfast/core/testing";
import { openMemoryStore } from "@holdfast/store";
import { describe, expect, test } from "vitest";
import { claimName, type EngineHarness, OPERATOR, settled, startEngine } from "../testing/engine-harness.ts";
import { momentOfTime } from "./moments.ts";
import { unlistedSince } from "./unlisted.ts";

/** Keys of all pages, oldest first, and those of all entries in the order in which they were written. */
async function listedAndWritten(harness: EngineHarness) {
  await harness.engine.nouns.order.flush();
  const pages = await Array.fromAsync(harness.engine.nouns.order.pages(0));
  const { entries } = await harness.store.list("ledger/");
  const written = entries.toSorted((a, b) => a.revision - b.revision).map(({ key }) => key);
  return { listed: pages.flatMap(({ keys }) => keys), written };
}

describe("the order of the ledger", () => {
  test("has every entry once, in the order of time, also over restarts", async () => {
    const clock = new ManualClock();
    const store = openMemoryStore({ clock });
    for (let round = 0; round < 3; round++) {
      await using harness = await startEngine({ store, clock });
      if (round === 0) await harness.network("web");
      for (let index = 0; index < 20; index++) {
        await harness.claim("web", `c-${round}-${index}`);
        clock.advance(1000);
      }
      if (round === 1) await harness.engine.nouns.order.flush();
    }
    await using harness = await startEngine({ store, clock });
    const { listed, written } = await listedAndWritten(harness);
    expect(written).toHaveLength(60);
    expect(listed).toEqual(written);
    expect(await harness.engine.nouns.order.head()).toMatchObject({ entries: 60 });
  });

  test("is found again by a walk when the store's history is gone", async () => {
    const clock = new ManualClock();
    const store = openMemoryStore({ clock });
    {
      await using harness = await startEngine({ store, clock });
      await harness.network("web");
      await harness.claim("web", "a");
      await harness.engine.nouns.order.flush();
      for (let index = 0; index < 30; index++) await harness.claim("web", `c-${index}`);
    }
    await store.compact(await store.revision());
    await using harness = await startEngine({ store, clock });
    const { listed, written } = await listedAndWritten(harness);
    expect(written).toHaveLength(31);
    expect(listed.toSorted()).toEqual(written.toSorted());
  });

  test("is found again in walks that hold a part of it in memory, the entries of one commit together", async () => {
    const store = openMemoryStore({ clock: new ManualClock() });
    const put = (key: string) => ({ kind: "put", key, value: "{}" }) as const;
    const key = (index: number) => `ledger/default/web/10.20.0.${(index * 7) % 2000}/${momentOfTime(index, 0, "x")}`;
    for (let index = 0; index < 2000; index += 4) {
      await store.commit({ conditions: [], operations: [0, 1, 2, 3].map((more) => put(key(index + more))) });
    }
    const upTo = await store.revision();
    const signal = new AbortController().signal;
    const pages = await Array.fromAsync(unlistedSince(store, { through: 0, upTo, most: 6, held: 50 }, signal));
    const revisions = pages.map((page) => [...new Set(page.map(({ revision }) => revision))]);
    expect(revisions.flat()).toEqual(Array.from({ length: 500 }, (_, index) => index + 1));
    expect(pages.flat()).toHaveLength(2000);
    expect(new Set(pages.flat().map((one) => one.key)).size).toBe(2000);
  });

  test("never lists twice what two controllers see", async () => {
    await using first = await startEngine();
    await using second = await startEngine({ store: first.store, clock: first.clock });
    await first.network("web");
    await settled(second.engine);
    for (let index = 0; index < 10; index++) {
      const [one, other] = index % 2 === 0 ? [first, second] : [second, first];
      await one.claim("web", `c-${index}`);
      await settled(other.engine);
      if (index % 3 === 0) await one.engine.nouns.order.flush();
    }
    await Promise.all([first.engine.nouns.order.flush(), second.engine.nouns.order.flush()]);
    const { listed, written } = await listedAndWritten(second);
    expect(listed.toSorted()).toEqual(written.toSorted());
    expect(await second.engine.nouns.order.head()).toMatchObject({ entries: 10 });
  });

  test("moments never go back, also when the clock does", async () => {
    const clock = new ManualClock();
    const store = openMemoryStore({ clock });
    {
      await using harness = await startEngine({ store, clock });
      await harness.network("web");
      await harness.claim("web", "a", { addresses: ["10.20.0.9"] });
      await harness.engine.nouns.order.flush();
    }
    const earlier = new ManualClock(new Date(clock.now().getTime() - 3_600_000));
    await using harness = await startEngine({ store, clock: earlier });
    await harness.engine.nouns.order.flush();
    await harness.engine.nouns.claims.release(claimName("web", "a"), OPERATOR);
    const { entries } = await store.list("ledger/");
    expect(entries.map(({ value }) => JSON.parse(value).event)).toEqual(["released", "claimed"]);
  });

  test("takes in what a former version wrote under keys of its own", async () => {
    const clock = new ManualClock();
    const store = openMemoryStore({ clock });
    const former = (time: string, event: string) => ({
      kind: "put" as const,
      key: `ledger/default/web/10.20.0.9/${time}-000001-1f0c2b7a`,
      value: JSON.stringify({
        tenant: "default",
        network: "web",
        address: "10.20.0.9",
        identity: "a",
        event,
        at: time,
        actor: "operator",
      }),
    });
    const operations = [former("2025-11-01T10:00:00.000Z", "claimed"), former("2025-11-02T10:00:00.000Z", "released")];
    await store.commit({ conditions: [], operations });
    await using harness = await startEngine({ store, clock });
    await harness.network("web");
    const { listed } = await listedAndWritten(harness);
    expect(listed).toHaveLength(2);
    const history = await harness.engine.nouns.ledger.history(
      { ...claimName("web", "a"), address: "10.20.0.9" as never },
      9,
    );
    expect(history.map(({ event }) => event)).toEqual(["claimed", "released"]);
    expect(await harness.engine.nouns.order.head()).toMatchObject({ completeFrom: "2025-11-01T10:00:00.000Z" });
  });
});
