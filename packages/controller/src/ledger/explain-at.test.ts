import { Identity, IpAddress, Name } from "@holdfast/core";
import { addressStorySchema, type LedgerEntry } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { claimName, type EngineHarness, OPERATOR, startEngine, TENANT } from "../testing/engine-harness.ts";
import { formerOwner } from "./standing.ts";

const MINUTE = 60_000;
const DAY = 24 * 3_600_000;
const ADDRESS = "10.20.0.9";

async function storyAt(harness: EngineHarness, at: Date) {
  const [story] = await harness.engine.nouns.explainer.explainAt(IpAddress.parse(ADDRESS), {}, at);
  return addressStorySchema.parse(story);
}

/** A life of one address, a step each minute; the moments before each step and after the last. */
async function oneLife(harness: EngineHarness): Promise<Date[]> {
  const { claims } = harness.engine.nouns;
  await harness.network("web", { cooldownSeconds: 60 });
  await harness.node("h1");
  const steps = [
    () => harness.claim("web", "db", { addresses: [ADDRESS] }),
    () => harness.reserve("h1", { endpoint: "e1", network: "web", identity: "db" }),
    () => harness.report("h1", "e1", 1, ["released"]),
    () => claims.release(claimName("web", "db"), OPERATOR),
    () => harness.advance(0),
    () => harness.claim("web", "cache", { addresses: [ADDRESS] }),
    () => harness.reserve("h1", { endpoint: "e2", network: "web", identity: "cache" }),
    () => claims.move(claimName("web", "cache"), { force: true }, OPERATOR),
  ];
  const moments: Date[] = [];
  for (const step of steps) {
    moments.push(harness.clock.now());
    await harness.advance(MINUTE);
    await step();
  }
  await harness.advance(MINUTE);
  return [...moments, harness.clock.now()];
}

test("who had an address before is known from what passed it on, when nothing older is left", () => {
  const entry = (identity: string, more: object = {}) => ({ identity, event: "bound", ...more }) as LedgerEntry;
  const passed = entry("b", { event: "transferred", formerIdentity: "a" });
  expect(formerOwner([passed])).toBe("a");
  expect(formerOwner([passed, entry("b")])).toBe("a");
  expect(formerOwner([passed, entry("c")])).toBe("b");
  expect(formerOwner([entry("a"), passed, entry("a", { event: "transferred", formerIdentity: "b" })])).toBe("b");
  expect(formerOwner([entry("b"), entry("b")])).toBeUndefined();
});

describe("who had an address at a moment", () => {
  test("that was passed on is told on both sides of it, and from whom", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.node("h1");
    await harness.claim("web", "a", { addresses: [ADDRESS] });
    await harness.advance(MINUTE);
    const pass = async (from: string, to: string) => {
      const at = harness.clock.now();
      const body = { identity: Identity.parse(to), reason: "renamed" };
      await harness.engine.nouns.transfers.transfer(claimName("web", from), body, OPERATOR);
      await harness.advance(MINUTE);
      return at;
    };
    const first = await pass("a", "b");
    const second = await pass("b", "c");
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "c" });
    const told = async (at: Date) => {
      const { state, identity, formerIdentity } = await storyAt(harness, at);
      return [state, identity, formerIdentity];
    };
    expect(await told(new Date(first.getTime() - 1))).toEqual(["claimed", "a", undefined]);
    expect(await told(first)).toEqual(["claimed", "b", "a"]);
    expect(await told(new Date(second.getTime() - 1))).toEqual(["claimed", "b", "a"]);
    expect(await told(second)).toEqual(["claimed", "c", "b"]);
    expect(await told(harness.clock.now())).toEqual(["bound", "c", "b"]);
  });

  test("is told for every moment of its life", async () => {
    await using harness = await startEngine();
    const moments = await oneLife(harness);
    const told = [];
    for (const at of moments) {
      const { state, identity, node, endpoint } = await storyAt(harness, at);
      told.push([state, identity, node, endpoint].filter((part) => part !== undefined).join(" "));
    }
    expect(told).toEqual([
      "free",
      "claimed db",
      "bound db h1 e1",
      "claimed db",
      "cooling db",
      "free db",
      "claimed cache",
      "bound cache h1 e2",
      "claimed cache",
    ]);
  });

  test("says so in a sentence, with the entries before and after and who had it before", async () => {
    await using harness = await startEngine();
    const moments = await oneLife(harness);
    const story = await storyAt(harness, moments[7] as Date);
    expect(story.summary).toBe(
      "at 2026-01-01T00:07:00.000Z, 10.20.0.9 was used by cache on node h1 (endpoint e2), since 2026-01-01T00:07:00.000Z.",
    );
    expect(story.formerIdentity).toBe("db");
    expect(story.history.map(({ event }) => event)).toEqual([
      "claimed",
      "bound",
      "detached",
      "released",
      "cooled",
      "claimed",
      "bound",
      "moved",
    ]);
  });

  test("is not made up for a time that the ledger does not reach back to", async () => {
    await using harness = await startEngine({ options: { ledgerRetention: DAY } });
    const moments = await oneLife(harness);
    const longAgo = new Date(harness.clock.now().getTime() - 10 * DAY);
    expect(await storyAt(harness, longAgo)).toMatchObject({ state: "unknown" });
    await harness.advance(2 * DAY);
    const story = await storyAt(harness, moments[2] as Date);
    expect(story.state).toBe("unknown");
    expect(story.summary).toBe(
      `nobody can say who had 10.20.0.9 at ${story.at}: the ledger reaches back to ${story.completeFrom}.`,
    );
    // The last entry of an address in use is kept, and is true ever since.
    expect(await storyAt(harness, moments[8] as Date)).toMatchObject({ state: "claimed", identity: "cache" });
  });

  test("reads a few entries, however many there are of the address and of others", async () => {
    await using harness = await startEngine();
    await harness.network("web", { cooldownSeconds: 0 });
    for (let index = 0; index < 400; index++) {
      await harness.claim("web", "db", { addresses: [ADDRESS] });
      harness.clock.advance(500);
      await harness.engine.nouns.claims.release(claimName("web", "db"), OPERATOR);
      harness.clock.advance(500);
    }
    let read = 0;
    const { list } = harness.store;
    harness.store.list = async (prefix, options) => {
      const page = await list.call(harness.store, prefix, options);
      read += page.entries.length;
      return page;
    };
    const middle = new Date(harness.clock.now().getTime() - 200_000);
    expect(await storyAt(harness, middle)).toMatchObject({ state: "claimed", identity: "db" });
    expect(read).toBeLessThan(250);
  });

  test("can be asked of a network that is gone, when it is named", async () => {
    await using harness = await startEngine();
    const moments = await oneLife(harness);
    await harness.engine.nouns.claims.release(claimName("web", "cache"), OPERATOR);
    await harness.engine.nouns.networks.delete(TENANT, Name.parse("web"), OPERATOR);
    const named = { tenant: TENANT, network: Name.parse("web") };
    const [story] = await harness.engine.nouns.explainer.explainAt(IpAddress.parse(ADDRESS), named, moments[2] as Date);
    expect(story).toMatchObject({ state: "bound", identity: "db" });
  });
});
