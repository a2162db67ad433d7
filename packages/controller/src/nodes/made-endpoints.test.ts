import { IpAddress, Name } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { lease, madeReport, reportMade, startWithBlocks, WEB } from "../testing/block-harness.ts";
import { dump, type EngineHarness, OPERATOR, startEngine, TENANT } from "../testing/engine-harness.ts";

const ADDRESS = "10.20.0.130";
const history = async (harness: EngineHarness, address = ADDRESS) =>
  (await harness.engine.nouns.explainer.explain(IpAddress.parse(address), {}))[0]?.history.map(
    ({ event, at, identity }) => `${event} ${identity} ${at.slice(11, 19)}`,
  );
const endpoints = (harness: EngineHarness) =>
  [...harness.engine.platform.state.endpoints.values()].map(({ id, phase, node }) => `${id} ${phase} ${node}`);
const reclaim = (harness: EngineHarness) =>
  harness.engine.nouns.blocks.reclaim(
    { tenant: TENANT, network: WEB, prefix: "10.20.0.128/28" as never },
    { force: true },
    OPERATOR,
  );
const clockTime = (harness: EngineHarness) => harness.clock.now().toISOString().slice(11, 19);

async function withBlock(): Promise<EngineHarness> {
  const harness = await startWithBlocks();
  await lease(harness, "h1");
  return harness;
}

describe("an endpoint that its node made by itself", () => {
  test("is taken in with claim, address and history, at the times of the node", async () => {
    await using harness = await withBlock();
    const made = harness.clock.now().toISOString();
    const began = clockTime(harness);
    await harness.advance(90_000);
    const report = madeReport("m1", ADDRESS, made, ["reserved", "binding", "wired"]);
    expect(await harness.reports("h1", [report])).toEqual([{ endpoint: "m1", outcome: "done" }]);
    expect(harness.getClaim("web", "ephemeral/m1")).toMatchObject({
      addresses: [ADDRESS],
      mac: "02:64:0a:14:00:82",
      epoch: 1,
      retention: { kind: "ephemeral" },
      binding: { node: "h1", endpoint: "m1", since: made },
      createdAt: made,
    });
    expect(endpoints(harness)).toEqual(["m1 wired h1"]);
    expect(await history(harness)).toEqual([`claimed ephemeral/m1 ${began}`, `bound ephemeral/m1 ${began}`]);
  });

  test("is taken in once, however often and late it is reported", async () => {
    await using harness = await withBlock();
    const at = harness.clock.now().toISOString();
    const beginning = madeReport("m1", ADDRESS, at, ["reserved", "binding"]);
    await harness.reports("h1", [beginning]);
    await harness.reports("h1", [beginning]);
    const end = madeReport("m1", ADDRESS, at, ["reserved", "binding", "detaching", "detached", "released"]);
    await harness.reports("h1", [end]);
    const before = await dump(harness.store);
    expect((await harness.reports("h1", [end]))[0]?.outcome).toBe("done");
    expect((await harness.reports("h1", [beginning]))[0]?.outcome).toBe("unknown");
    expect(await dump(harness.store)).toBe(before);
    expect((await history(harness))?.map((line) => line.split(" ")[0])).toEqual(["claimed", "bound", "released"]);
  });

  test("leaves its history when it came and went unseen, once", async () => {
    await using harness = await withBlock();
    const report = madeReport("m1", ADDRESS, harness.clock.now().toISOString(), ["reserved", "released"]);
    await harness.reports("h1", [report]);
    await harness.reports("h1", [report]);
    expect((await history(harness))?.map((line) => line.split(" ")[0])).toEqual(["claimed", "bound", "released"]);
    expect(endpoints(harness)).toEqual([]);
    expect((await harness.store.list("addresses/")).entries).toEqual([]);
    expect((await harness.store.list("claims/")).entries).toEqual([]);
  });

  test("was there at its time, though it was reported later", async () => {
    await using harness = await withBlock();
    const made = harness.clock.now();
    await harness.advance(3_600_000);
    const end = { ...madeReport("m1", ADDRESS, made.toISOString(), ["reserved", "released"]) };
    const [begun] = end.transitions;
    const released = new Date(made.getTime() + 1_800_000).toISOString();
    const transitions = [
      ...(begun === undefined ? [] : [begun]),
      { phase: "released" as const, at: released, actor: "node/h1" },
    ];
    await harness.reports("h1", [{ ...end, transitions }]);
    const at = async (minutes: number) => {
      const moment = new Date(made.getTime() + minutes * 60_000);
      return (await harness.engine.nouns.explainer.explainAt(IpAddress.parse(ADDRESS), {}, moment))[0];
    };
    expect(await at(10)).toMatchObject({ state: "bound", identity: "ephemeral/m1", node: "h1" });
    expect(await at(40)).toMatchObject({ state: "free" });
  });

  test("gives its address back to its node's block, where no rest is kept for it", async () => {
    await using harness = await withBlock();
    await reportMade(harness, "h1", "m1", ADDRESS);
    await harness.report("h1", "m1", 1, ["released"]);
    expect((await harness.store.list("cooling/")).entries).toEqual([]);
    expect(await reportMade(harness, "h1", "m2", ADDRESS)).toBe("done");
  });

  test("is known to every controller", async () => {
    await using harness = await withBlock();
    await using second = await startEngine({ store: harness.store, clock: harness.clock });
    await reportMade(harness, "h1", "m1", ADDRESS);
    await second.engine.platform.state.reached(await harness.store.revision());
    expect(second.engine.platform.pools.stateOf(network(second), IpAddress.parse(ADDRESS))).toBe("used");
  });

  test("is over when its node has given the address again, whichever report comes first", async () => {
    await using harness = await withBlock();
    await reportMade(harness, "h1", "m1", ADDRESS, ["reserved", "binding"]);
    await harness.advance(1000);
    expect(await reportMade(harness, "h1", "m2", ADDRESS, ["reserved", "binding"])).toBe("done");
    expect(endpoints(harness)).toEqual(["m2 binding h1"]);
    expect(harness.engine.platform.pools.stateOf(network(harness), IpAddress.parse(ADDRESS))).toBe("used");
    await harness.report("h1", "m1", 1, ["detaching", "detached", "released"]);
    expect(endpoints(harness)).toEqual(["m2 binding h1"]);
  });

  test("does not end a later one that its node gave the address to", async () => {
    await using harness = await withBlock();
    const early = harness.clock.now().toISOString();
    await harness.advance(1000);
    await reportMade(harness, "h1", "m2", ADDRESS);
    const [late] = await harness.reports("h1", [madeReport("m1", ADDRESS, early)]);
    expect(late).toMatchObject({ outcome: "superseded", detail: expect.stringContaining("belongs to ephemeral/m2") });
    expect(endpoints(harness)).toEqual(["m2 reserved h1"]);
  });

  test("is reported with its predecessors of one address in the order in which they were made", async () => {
    await using harness = await withBlock();
    const first = harness.clock.now().toISOString();
    await harness.advance(1000);
    const second = madeReport("m2", ADDRESS, harness.clock.now().toISOString());
    const results = await harness.reports("h1", [second, madeReport("m1", ADDRESS, first, ["reserved", "released"])]);
    expect(results).toEqual([
      { endpoint: "m2", outcome: "done" },
      { endpoint: "m1", outcome: "done" },
    ]);
    expect((await history(harness))?.map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
      "claimed ephemeral/m1",
      "bound ephemeral/m1",
      "released ephemeral/m1",
      "claimed ephemeral/m2",
      "bound ephemeral/m2",
    ]);
  });

  test("ends as its node says, when the end comes with what has the address next", async () => {
    await using harness = await withBlock();
    const first = harness.clock.now().toISOString();
    await reportMade(harness, "h1", "m1", ADDRESS);
    await harness.advance(1000);
    const end = madeReport("m1", ADDRESS, first, ["reserved", "released"]);
    const transitions = end.transitions.map((one) => ({ ...one, reason: "its container is gone" }));
    const next = madeReport("m2", ADDRESS, harness.clock.now().toISOString());
    const results = await harness.reports("h1", [next, { ...end, transitions }]);
    expect(results.map(({ outcome }) => outcome)).toEqual(["done", "done"]);
    const [story] = await harness.engine.nouns.explainer.explain(IpAddress.parse(ADDRESS), {});
    expect(story?.history.find(({ event }) => event === "released")?.reason).toBe("its container is gone");
  });

  test("stays lost when it was cut off before, also when nobody knows any more that it was taken in", async () => {
    await using harness = await withBlock();
    await reportMade(harness, "h1", "m1", ADDRESS, ["reserved", "binding"]);
    await harness.engine.nouns.endpoints.delete("m1", OPERATOR);
    await harness.store.commit({ conditions: [], operations: [{ kind: "delete", key: "idempotency/made/m1" }] });
    expect(await reportMade(harness, "h1", "m1", ADDRESS, ["reserved", "binding"])).toBe(
      "superseded: deleted by operator",
    );
    expect(endpoints(harness)).toEqual([]);
  });
});

describe("a node whose block was taken by force", () => {
  test("keeps an endpoint whose address is still nobody's, as an ordinary claim", async () => {
    await using harness = await withBlock();
    await reclaim(harness);
    expect(await reportMade(harness, "h1", "m1", ADDRESS, ["reserved", "binding"])).toBe("done");
    await harness.report("h1", "m1", 1, ["detaching", "detached", "released"]);
    expect((await harness.store.list("cooling/")).entries.map(({ key }) => key)).toContain(
      `cooling/default/web/${ADDRESS}`,
    );
  });

  test("loses an endpoint whose address somebody has claimed since", async () => {
    await using harness = await withBlock();
    await reclaim(harness);
    await harness.advance(60_000);
    await harness.claim("web", "a", { addresses: [ADDRESS] });
    expect(await reportMade(harness, "h1", "m1", ADDRESS)).toBe(`superseded: ${ADDRESS} belongs to a`);
    expect(await reportMade(harness, "h1", "m2", "10.20.0.131")).toBe("done");
  });

  test("loses an endpoint whose address another node may give, or that rests after another owner", async () => {
    await using harness = await withBlock();
    await reclaim(harness);
    await harness.advance(60_000);
    await harness.claim("web", "a", { addresses: ["10.20.0.150"] });
    const { claims } = harness.engine.nouns;
    await claims.release({ tenant: TENANT, network: WEB, identity: "a" as never }, OPERATOR);
    expect(await reportMade(harness, "h1", "m1", "10.20.0.150")).toMatch(/^superseded: 10.20.0.150 belonged to a/);
    const all: string[] = [];
    for (let index = 0; index < 15; index++) {
      const { state } = harness.engine.platform;
      const held = [...(state.blocksOfNode.get(Name.parse("h2")) ?? [])].map((block) => block.lease);
      all.push((await lease(harness, "h2", { held })).prefix);
    }
    expect(all).toContain("10.20.0.128/28");
    expect(await reportMade(harness, "h1", "m2", ADDRESS)).toBe(`superseded: ${ADDRESS} is set aside for node h2`);
    expect(endpoints(harness)).toEqual([]);
  });

  test("does not get an address that the network does not have any more", async () => {
    await using harness = await withBlock();
    expect(await reportMade(harness, "h1", "m1", "10.99.0.1")).toMatch(/^superseded: 10.99.0.1 is in no subnet/);
  });
});

test("a controller from an older copy takes in what runs, also when the beginning was told to its predecessor", async () => {
  await using harness = await withBlock();
  const at = harness.clock.now().toISOString();
  await using older = await startEngine({ clock: harness.clock });
  await older.network("web");
  await older.node("h1");
  const report = { ...madeReport("m1", ADDRESS, at, []), made: { at, phase: "active" as const }, ifIndex: 7 };
  expect(await older.reports("h1", [report])).toEqual([{ endpoint: "m1", outcome: "done" }]);
  expect(endpoints(older)).toEqual(["m1 active h1"]);
  expect(older.engine.nouns.endpoints.get("m1").ifIndex).toBe(7);
});

function network(harness: EngineHarness) {
  return harness.engine.platform.state.network(TENANT, WEB) ?? expect.fail();
}
