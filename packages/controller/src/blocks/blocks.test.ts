import { Cidr, IpAddress, Name } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { giveBack, lease, reportMade, startWithBlocks, WEB } from "../testing/block-harness.ts";
import { claimName, dump, type EngineHarness, OPERATOR, startEngine, TENANT } from "../testing/engine-harness.ts";
import { refusal } from "../testing/refusal.ts";

const PREFIX = Cidr.parse("10.20.0.128/28");
const explain = async (harness: EngineHarness, address: string) =>
  (await harness.engine.nouns.explainer.explain(IpAddress.parse(address), {}))[0];
const reclaim = (harness: EngineHarness, how: { force: boolean; reason?: string }) =>
  harness.engine.nouns.blocks.reclaim({ tenant: TENANT, network: WEB, prefix: PREFIX }, how, OPERATOR);
const blocks = (harness: EngineHarness, node: string) =>
  [...(harness.engine.platform.state.blocksOfNode.get(Name.parse(node)) ?? [])].map(({ prefix }) => prefix);

describe("a lease", () => {
  test("gives a node an aligned part of the network with what it may give", async () => {
    await using harness = await startWithBlocks();
    const block = await lease(harness, "h1");
    expect(block).toMatchObject({
      prefix: PREFIX,
      node: "h1",
      ranges: [{ first: "10.20.0.128", last: "10.20.0.143" }],
    });
    expect((await lease(harness, "h2")).prefix).toBe("10.20.0.144/28");
  });

  test("asked for again is the same one, until the node says that it knows it", async () => {
    await using harness = await startWithBlocks();
    const block = await lease(harness, "h1");
    expect(await lease(harness, "h1")).toEqual(block);
    expect((await lease(harness, "h1", { held: [block.lease] })).prefix).toBe("10.20.0.144/28");
  });

  test("is refused for a network without node blocks, and when no block is free, with the remedy", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.network("tiny", { subnets: [{ prefix: "10.21.0.0/29" }], nodeBlocks: {} });
    await harness.node("h1");
    expect(await refusal(lease(harness, "h1"))).toMatchObject({ code: "conflict" });
    const full = await refusal(lease(harness, "h1", { network: Name.parse("tiny") }));
    expect(full.message).toBe(
      "network default/tiny has no block of 16 v4 addresses that is free; add a subnet, release claims, or make blocks smaller",
    );
    expect(await refusal(lease(harness, "h9"))).toMatchObject({ code: "not_found" });
  });

  test("has no address that is claimed or rests, also when that happens at the same moment on another controller", async () => {
    for (const what of ["claim", "rest"] as const) {
      await using first = await startWithBlocks();
      await using second = await startEngine({ store: first.store, clock: first.clock });
      const claimed = second.claim("web", "a", { addresses: ["10.20.0.130"] });
      const done = what === "claim" ? claimed : claimed.then(() => release(second, "a"));
      const [block] = await Promise.all([lease(first, "h1"), done.catch(() => undefined)]);
      const story = await explain(first, "10.20.0.130");
      expect(story?.state === "set-aside").toBe(block.prefix === PREFIX);
    }
  });

  test("that was decided on before a claim of one of its addresses was known goes to another block", async () => {
    await using harness = await startWithBlocks();
    const { platform } = harness.engine;
    const key = `addresses/default/web/10.20.0.130`;
    // Another controller's commit, which this one has not heard of.
    const other = platform.store.commit({
      conditions: [],
      operations: [{ kind: "put", key, value: '{"identity":"a"}' }],
    });
    const leased = lease(harness, "h1");
    await other;
    expect((await leased).prefix).toBe("10.20.0.144/28");
  });

  test("that was decided on before a rest of one of its addresses was known goes to another block", async () => {
    await using harness = await startWithBlocks();
    const value = JSON.stringify({ until: "2099-01-01T00:00:00.000Z", identity: "a" });
    const key = `cooling/default/web/10.20.0.130`;
    const other = harness.store.commit({ conditions: [], operations: [{ kind: "put", key, value }] });
    const leased = lease(harness, "h1");
    await other;
    const { prefix } = await leased;
    expect((await harness.store.get(key))?.value !== undefined && prefix === PREFIX).toBe(false);
  });

  test("survives a restart of the controller", async () => {
    await using harness = await startWithBlocks();
    const block = await lease(harness, "h1");
    await harness.engine.stop();
    await using again = await startEngine({ store: harness.store, clock: harness.clock });
    expect(blocks(again, "h1")).toEqual([PREFIX]);
    expect(await refusal(again.claim("web", "a", { addresses: ["10.20.0.130"] }))).toMatchObject({
      details: { node: "h1", block: PREFIX, reason: "set-aside" },
    });
    await again.node("h1");
    expect((await lease(again, "h1", { held: [block.lease] })).prefix).not.toBe(PREFIX);
  });
});

describe("an address in a node's block", () => {
  test("is nobody else's: not by name, not by choice, and the refusal names node, block and remedy", async () => {
    await using harness = await startWithBlocks();
    await lease(harness, "h1");
    const before = await dump(harness.store);
    const refused = await refusal(harness.claim("web", "a", { addresses: ["10.20.0.130"] }));
    expect(refused).toMatchObject({ code: "address_in_use" });
    expect(refused.message).toBe(
      "10.20.0.130 is set aside for node h1 (block 10.20.0.128/28); take an address outside of it, or have the block given back: " +
        "holdfast network reclaim web 10.20.0.128/28",
    );
    const request = { endpoint: "e1", network: "web", address: "10.20.0.130" };
    expect((await refusal(harness.reserve("h2", request))).code).toBe("address_in_use");
    expect(await dump(harness.store)).toBe(before);
    const others = await Promise.all(Array.from({ length: 237 }, (_, index) => harness.claim("web", `i${index}`)));
    expect(others.filter(({ addresses: [one = ""] }) => /\.(12[89]|13\d|14[0-3])$/.test(one))).toEqual([]);
    expect((await refusal(harness.claim("web", "one-more"))).code).toBe("pool_exhausted");
  });

  test("cannot be claimed by who decided before the lease was known", async () => {
    await using harness = await startWithBlocks();
    const key = "blocks/default/web/10.20.0.128/28";
    const ranges = [{ first: "10.20.0.128", last: "10.20.0.143" }];
    const block = { tenant: "default", network: "web", prefix: PREFIX, node: "h1", lease: "b-1", ranges };
    const value = JSON.stringify({ ...block, since: harness.clock.now().toISOString() });
    const other = harness.store.commit({ conditions: [], operations: [{ kind: "put", key, value }] });
    const claimed = harness.claim("web", "a", { addresses: ["10.20.0.130"] });
    await other;
    expect((await refusal(claimed)).message).toContain("is set aside for node h1");
  });

  test("explains itself, and counts apart", async () => {
    await using harness = await startWithBlocks();
    const { since } = await lease(harness, "h1");
    expect(await explain(harness, "10.20.0.130")).toMatchObject({
      state: "set-aside",
      node: "h1",
      since,
      summary: expect.stringContaining("10.20.0.130 is set aside for node h1 (block 10.20.0.128/28 since"),
    });
    await reportMade(harness, "h1", "m1", "10.20.0.130");
    expect(await explain(harness, "10.20.0.130")).toMatchObject({ state: "bound", identity: "ephemeral/m1" });
    const [usage] = harness.engine.platform.pools.utilisation(
      harness.engine.platform.state.network(TENANT, WEB) ?? expect.fail(),
    );
    expect(usage).toMatchObject({ used: 1, setAside: 15 });
    const [subnet] = harness.engine.nouns.subnets.list(TENANT, WEB).items;
    expect(subnet?.usage).toMatchObject({ capacity: "253", used: "1", setAside: "15", free: "237" });
    const [block] = harness.engine.platform.state.blocksOfNode.get(Name.parse("h1")) ?? [];
    expect(harness.engine.nouns.blocks.withUsage(block ?? expect.fail())).toMatchObject({ capacity: 16, used: 1 });
  });

  test("leaves the block when its claim is to outlive the endpoint, or goes to another node", async () => {
    for (const how of ["keep", "move"] as const) {
      await using harness = await startWithBlocks();
      await lease(harness, "h1");
      await reportMade(harness, "h1", "m1", "10.20.0.130");
      const name = claimName("web", "ephemeral/m1");
      if (how === "keep") await harness.engine.nouns.claims.update(name, { retention: { kind: "reserved" } }, OPERATOR);
      else await harness.engine.nouns.claims.move(name, { node: Name.parse("h2"), force: true }, OPERATOR);
      const [block] = harness.engine.platform.state.blocksOfNode.get(Name.parse("h1")) ?? [];
      expect(block?.ranges).toEqual([
        { first: "10.20.0.128", last: "10.20.0.129" },
        { first: "10.20.0.131", last: "10.20.0.143" },
      ]);
      expect(await reportMade(harness, "h1", "m2", "10.20.0.130")).toContain(
        "superseded: 10.20.0.130 belongs to ephemeral/m1",
      );
    }
  });
});

describe("a block", () => {
  test("that is given back is free at once, but for what rests", async () => {
    await using harness = await startWithBlocks();
    const block = await lease(harness, "h1");
    const releasedAt = harness.clock.now().toISOString();
    const used = { address: IpAddress.parse("10.20.0.130"), identity: "ephemeral/m1" as never, releasedAt };
    await harness.advance(20_000);
    await giveBack(harness, block, [used]);
    await harness.claim("web", "a", { addresses: ["10.20.0.131"] });
    expect(await explain(harness, "10.20.0.130")).toMatchObject({ state: "cooling", identity: "ephemeral/m1" });
    await harness.advance(40_000);
    await harness.claim("web", "b", { addresses: ["10.20.0.130"] });
  });

  test("is given back once: late word of an earlier lease ends no other", async () => {
    await using harness = await startWithBlocks();
    const block = await lease(harness, "h1");
    await giveBack(harness, block);
    await giveBack(harness, block);
    for (let index = 0; index < 16; index++) await lease(harness, "h1", { held: heldBy(harness, "h1") });
    expect(blocks(harness, "h1")).toContain(PREFIX);
    await giveBack(harness, block);
    expect(blocks(harness, "h1")).toContain(PREFIX);
  });

  test("with an address that is claimed is not given back", async () => {
    await using harness = await startWithBlocks();
    const block = await lease(harness, "h1");
    await reportMade(harness, "h1", "m1", "10.20.0.130");
    expect(await refusal(giveBack(harness, block))).toMatchObject({
      code: "in_use",
      details: { address: "10.20.0.130" },
    });
  });

  test("that is asked for is the node's until it gives it back", async () => {
    await using harness = await startWithBlocks();
    await lease(harness, "h1");
    expect(await reclaim(harness, { force: false })).toMatchObject({ returning: true });
    expect(blocks(harness, "h1")).toEqual([PREFIX]);
    expect((await lease(harness, "h1")).prefix).toBe("10.20.0.144/28");
  });

  test("of a silent node stays, and is taken by force, on record, with its addresses at rest", async () => {
    await using harness = await startWithBlocks();
    await lease(harness, "h1");
    await reportMade(harness, "h1", "m1", "10.20.0.130");
    await harness.advance(10 * 24 * 3_600_000);
    expect(blocks(harness, "h1")).toEqual([PREFIX]);
    await reclaim(harness, { force: true, reason: "h1 has burnt down" });
    expect(blocks(harness, "h1")).toEqual([]);
    const story = await explain(harness, "10.20.0.131");
    expect(story).toMatchObject({ state: "cooling" });
    expect(story?.history.at(-1)).toMatchObject({
      event: "reclaimed",
      actor: "operator",
      node: "h1",
      reason: "block 10.20.0.128/28: taken from node h1 by force: h1 has burnt down",
    });
    expect(await explain(harness, "10.20.0.130")).toMatchObject({ state: "bound", node: "h1" });
    expect((await refusal(harness.claim("web", "a", { addresses: ["10.20.0.131"] }))).code).toBe("address_in_use");
    await harness.advance(60_000);
    await harness.claim("web", "a", { addresses: ["10.20.0.131"] });
    expect((await refusal(reclaim(harness, { force: true }))).code).toBe("not_found");
  });

  test("goes with its node when that is deleted", async () => {
    await using harness = await startWithBlocks();
    await lease(harness, "h1");
    await harness.advance(60_000);
    await harness.engine.nouns.nodes.delete(Name.parse("h1"), OPERATOR);
    expect((await harness.store.list("blocks/")).entries).toEqual([]);
    expect((await explain(harness, "10.20.0.131"))?.history.at(-1)).toMatchObject({
      event: "reclaimed",
      reason: "block 10.20.0.128/28: node h1 was deleted",
    });
    expect((await refusal(lease(harness, "h1"))).code).toBe("not_found");
  });

  test("keeps its subnet and its network from being removed, and says what to do", async () => {
    await using harness = await startWithBlocks();
    const block = await lease(harness, "h1");
    const { networks, subnets } = harness.engine.nouns;
    const remove = () => subnets.remove(TENANT, WEB, Cidr.parse("10.20.0.0/24"), OPERATOR);
    expect((await refusal(remove())).message).toBe(
      "nodes have 1 blocks of subnet 10.20.0.0/24, e.g. node h1 10.20.0.128/28; have them given back first: " +
        "holdfast network update web --no-node-blocks, or holdfast network reclaim web 10.20.0.128/28",
    );
    expect((await refusal(networks.delete(TENANT, WEB, OPERATOR))).code).toBe("in_use");
    await networks.update(TENANT, WEB, { nodeBlocks: null }, OPERATOR);
    expect((await refusal(lease(harness, "h2"))).code).toBe("conflict");
    await giveBack(harness, block);
    await networks.delete(TENANT, WEB, OPERATOR);
  });
});

async function release(harness: EngineHarness, identity: string): Promise<void> {
  await harness.engine.nouns.claims.release(claimName("web", identity), OPERATOR);
}

function heldBy(harness: EngineHarness, node: string): string[] {
  return [...(harness.engine.platform.state.blocksOfNode.get(Name.parse(node)) ?? [])].map((block) => block.lease);
}
