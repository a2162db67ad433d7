import { Cidr, isHoldfastError, Name } from "@holdfast/core";
import { ManualClock, seededRandom } from "@holdfast/core/testing";
import { newSubnetSchema } from "@holdfast/model";
import { openMemoryStore, type Transaction } from "@holdfast/store";
import { describe, expect, test, vi } from "vitest";
import { giveBack, lease, reportMade, startWithBlocks } from "../testing/block-harness.ts";
import { collidingStore } from "../testing/colliding-store.ts";
import { claimName, type EngineHarness, OPERATOR, settled, startEngine, TENANT } from "../testing/engine-harness.ts";
import { refusal } from "../testing/refusal.ts";
import { createDraining } from "./draining.ts";

const WEB = Name.parse("web");
const OLD = Cidr.parse("10.20.0.0/24");
const NAME = { tenant: TENANT, network: WEB, prefix: OLD };
const SUBNETS = [{ prefix: OLD }, { prefix: "10.30.0.0/24" }];

const drain = ({ engine }: EngineHarness, removeWhenEmpty = false) =>
  engine.nouns.draining.drain(NAME, { removeWhenEmpty }, OPERATOR);
const undrain = ({ engine }: EngineHarness) => engine.nouns.draining.undrain(NAME, OPERATOR);
const release = ({ engine }: EngineHarness, identity: string) =>
  engine.nouns.claims.release(claimName("web", identity), OPERATOR);
const prefixes = ({ engine }: EngineHarness) =>
  engine.nouns.networks.get(TENANT, WEB).subnets.map(({ prefix }) => prefix);

describe("a subnet that is being drained", () => {
  test("gives nothing by itself: the next subnet does, and there must be one", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: SUBNETS });
    const since = harness.clock.now().toISOString();
    const { subnets } = await drain(harness);
    expect(subnets[0]).toMatchObject({ prefix: OLD, draining: { since, removeWhenEmpty: false } });
    expect((await harness.claim("web", "a")).addresses).toEqual(["10.30.0.2"]);
    await harness.engine.nouns.subnets.remove(TENANT, WEB, Cidr.parse("10.30.0.0/24"), OPERATOR).catch(() => undefined);
    await release(harness, "a");
    await harness.engine.nouns.subnets.remove(TENANT, WEB, Cidr.parse("10.30.0.0/24"), OPERATOR);
    expect(await refusal(harness.claim("web", "b"))).toMatchObject({
      code: "pool_exhausted",
      message: `no v4 address is free: 10.20.0.0/24 is being drained since ${since}; add a subnet or undrain one`,
    });
  });

  test("refuses an exact address of it, and being named, with the reason", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: SUBNETS });
    await drain(harness);
    const exact = await refusal(harness.claim("web", "a", { addresses: ["10.20.0.9"] }));
    expect(exact).toMatchObject({ code: "conflict", details: { subnet: OLD, reason: "draining" } });
    expect(exact.message).toContain("10.20.0.9 is in subnet 10.20.0.0/24, which is being drained since");
    expect((await refusal(harness.claim("web", "a", { subnet: OLD }))).details).toMatchObject({ reason: "draining" });
  });

  test("does not give a resting address back to its former owner, who gets another", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: SUBNETS });
    await harness.claim("web", "a");
    await release(harness, "a");
    await drain(harness);
    expect((await harness.claim("web", "a")).addresses).toEqual(["10.30.0.2"]);
  });

  test("keeps what is claimed, which can be bound, and says so in its use", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: SUBNETS });
    await harness.node("h1");
    await harness.claim("web", "a");
    await drain(harness);
    const { claim } = await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    expect(claim.addresses).toEqual(["10.20.0.2"]);
    const [usage] = harness.engine.nouns.usage.ofNetwork(TENANT, WEB).subnets;
    expect(usage).toMatchObject({ used: "1", free: "0", drainingSince: harness.clock.now().toISOString() });
  });

  test("gives addresses again when it is undrained; both may be said twice", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: SUBNETS });
    const drained = await drain(harness);
    harness.clock.advance(1000);
    expect(await drain(harness)).toEqual(drained);
    expect((await undrain(harness)).subnets[0]).not.toHaveProperty("draining");
    expect((await undrain(harness)).subnets[0]).not.toHaveProperty("draining");
    expect((await harness.claim("web", "a")).addresses).toEqual(["10.20.0.2"]);
  });

  test("stays so over a restart", async () => {
    await using first = await startEngine();
    await first.network("web", { subnets: SUBNETS });
    await drain(first);
    await first.engine.stop();
    await using second = await startEngine({ store: first.store, clock: first.clock });
    expect((await second.claim("web", "a")).addresses).toEqual(["10.30.0.2"]);
  });

  test("that is not there is not found", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: [] });
    expect((await refusal(drain(harness))).code).toBe("not_found");
    expect((await refusal(undrain(harness))).code).toBe("not_found");
  });
});

describe("a subnet that is drained to be removed", () => {
  test("goes with its last address", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: SUBNETS });
    await harness.claim("web", "a");
    await harness.claim("web", "b");
    await drain(harness, true);
    await release(harness, "a");
    await settled(harness.engine);
    expect(prefixes(harness)).toContain(OLD);
    await release(harness, "b");
    await settled(harness.engine);
    expect(prefixes(harness)).toEqual(["10.30.0.0/24"]);
  });

  test("goes at once when nothing is claimed, also when that is said later", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: SUBNETS });
    await drain(harness);
    await settled(harness.engine);
    expect(prefixes(harness)).toContain(OLD);
    await drain(harness, true);
    await settled(harness.engine);
    expect(prefixes(harness)).not.toContain(OLD);
  });

  test("goes at the next start when its last address was released and the controller died", async () => {
    const clock = new ManualClock();
    const store = openMemoryStore({ clock });
    await using first = await startEngine({ store, clock });
    await first.network("web", { subnets: SUBNETS });
    await first.engine.stop();
    const entry = await store.get("networks/default/web");
    const network = JSON.parse(entry?.value ?? "") as { subnets: object[] };
    network.subnets[0] = {
      ...network.subnets[0],
      draining: { since: clock.now().toISOString(), removeWhenEmpty: true },
    };
    const value = JSON.stringify(network);
    await store.commit({ conditions: [], operations: [{ kind: "put", key: "networks/default/web", value }] });
    await using second = await startEngine({ store, clock });
    await settled(second.engine);
    expect(prefixes(second)).toEqual(["10.30.0.0/24"]);
  });

  test("stays when it is undrained before", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: SUBNETS });
    await harness.claim("web", "a");
    await drain(harness, true);
    await undrain(harness);
    await release(harness, "a");
    await settled(harness.engine);
    expect(prefixes(harness)).toContain(OLD);
  });
});

describe("draining a subnet of which nodes have blocks", () => {
  const drainAll = ({ engine }: EngineHarness) =>
    engine.nouns.draining.drain({ ...NAME, prefix: OLD }, { removeWhenEmpty: true }, OPERATOR);

  test("asks for the blocks, leases no more, and removes the subnet when the last is back", async () => {
    await using harness = await startWithBlocks();
    const block = await lease(harness, "h1");
    await drainAll(harness);
    await settled(harness.engine);
    expect(harness.engine.platform.state.network(TENANT, WEB)?.blocks.get(block.prefix)?.returning).toBe(true);
    expect((await refusal(lease(harness, "h2"))).code).toBe("pool_exhausted");
    expect(prefixes(harness)).toContain(OLD);
    await giveBack(harness, block);
    await settled(harness.engine);
    expect(prefixes(harness)).not.toContain(OLD);
  });

  test("takes in what a node gave from its block before it heard of it", async () => {
    await using harness = await startWithBlocks();
    await lease(harness, "h1");
    await drainAll(harness);
    expect(await reportMade(harness, "h1", "e1", "10.20.0.130")).toBe("done");
    expect(harness.getClaim("web", "ephemeral/e1").addresses).toEqual(["10.20.0.130"]);
  });
});

describe("the removal of a drained subnet", () => {
  /** Works as the engine does it, but is told `times` times that nothing is used. */
  async function removeMisled({ engine }: EngineHarness, times: number): Promise<number> {
    const { platform } = engine;
    let asked = 0;
    const ofSubnet: typeof platform.counts.ofSubnet = (network, prefix) =>
      asked++ < times ? { used: 0, held: 0 } : platform.counts.ofSubnet(network, prefix);
    const misled = createDraining({ ...platform, counts: { ...platform.counts, ofSubnet } });
    misled.load();
    const stopping = new AbortController();
    const job = misled.run(stopping.signal);
    await settled(engine);
    stopping.abort();
    await job;
    return asked;
  }

  test("looks again whether it is empty", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: SUBNETS });
    await harness.claim("web", "a");
    await drain(harness, true);
    expect(await removeMisled(harness, 1)).toBe(2);
    expect(prefixes(harness)).toContain(OLD);
  });

  test("does not happen when it is undrained meanwhile", async () => {
    const clock = new ManualClock();
    const store = openMemoryStore({ clock });
    await using operator = await startEngine({ store, clock });
    await operator.network("web", { subnets: SUBNETS });
    await operator.claim("web", "a");
    await drain(operator, true);
    let overtaken = 0;
    const commit = async (transaction: Transaction) => {
      if (transaction.operations.some(({ key }) => key === "networks/default/web") && overtaken++ === 0) {
        await undrain(operator);
      }
      return store.commit(transaction);
    };
    await using remover = await startEngine({ store: { ...collidingStore(store, () => 0.5), commit }, clock });
    await removeMisled(remover, 10);
    expect(overtaken).toBe(1);
    expect(prefixes(operator)).toContain(OLD);
  });

  test("and draining leave what others change of the network at the same time", async () => {
    for (let seed = 0; seed < 10; seed++) {
      const clock = new ManualClock();
      const store = openMemoryStore({ clock });
      const random = seededRandom(seed);
      await using first = await startEngine({ store: collidingStore(store, random), clock });
      await using second = await startEngine({ store: collidingStore(store, random), clock });
      await first.network("web", { subnets: SUBNETS });
      const labels = { env: "prod" };
      await Promise.all([drain(first), second.engine.nouns.networks.update(TENANT, WEB, { labels }, OPERATOR)]);
      const value = (await store.get("networks/default/web"))?.value ?? "";
      expect(value).toContain("prod");
      expect(value).toContain("draining");
    }
  });
});

describe("subnets that come and go under load", () => {
  const seeds = Array.from({ length: 10 }, (_, seed) => seed);

  test.each(seeds)("never leave a claim without a subnet, nor give an address of a drained one (%i)", async (seed) => {
    const random = seededRandom(seed);
    const clock = new ManualClock();
    const store = openMemoryStore({ clock });
    await using first = await startEngine({ store: collidingStore(store, random), clock });
    await using second = await startEngine({ store: collidingStore(store, random), clock });
    await first.network("web", { subnets: SUBNETS, cooldownSeconds: 0 });
    const pick = () => (random() < 0.5 ? first : second);
    const tolerant = (work: Promise<unknown>) =>
      work.catch((error: unknown) => {
        if (!isHoldfastError(error) || error.code === "internal") throw error;
      });
    const clients = Array.from({ length: 6 }, async (_, client) => {
      for (let step = 0; step < 20; step++) {
        const identity = `i${client}-${step % 3}`;
        await tolerant(random() < 0.6 ? pick().claim("web", identity) : release(pick(), identity));
      }
    });
    const operator = (async () => {
      for (let step = 0; step < 12; step++) {
        const { draining, subnets } = pick().engine.nouns;
        const given = newSubnetSchema.parse({ prefix: OLD });
        const kind = Math.floor(random() * 4);
        if (kind === 0) await tolerant(draining.drain(NAME, { removeWhenEmpty: true }, OPERATOR));
        if (kind === 1) await tolerant(draining.undrain(NAME, OPERATOR));
        if (kind === 2) await tolerant(subnets.remove(TENANT, WEB, OLD, OPERATOR));
        if (kind === 3) await tolerant(subnets.add(TENANT, WEB, given, OPERATOR));
      }
      await tolerant(pick().engine.nouns.draining.drain(NAME, { removeWhenEmpty: true }, OPERATOR));
      // From here on nothing new may be claimed in it.
      return (await store.list("addresses/default/web/10.20.")).entries.map(({ key }) => key);
    })();
    const [allowed] = await Promise.all([operator, ...clients]);
    await Promise.all([settled(first.engine), settled(second.engine)]);
    const left = (await store.list("addresses/default/web/")).entries.map(({ key }) => key);
    const inOld = left.filter((key) => key.includes("/10.20."));
    for (const key of inOld) expect(allowed).toContain(key);
    await first.engine.platform.state.reached(await store.revision());
    expect(prefixes(first).includes(OLD)).toBe(inOld.length > 0);
  });

  test("a removal looks for used addresses in the subnet alone, however many the network has", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: SUBNETS });
    await harness.claim("web", "here");
    await harness.claim("web", "elsewhere", { subnet: "10.30.0.0/24" });
    const network = harness.engine.platform.state.network(TENANT, WEB);
    if (network === undefined) throw new Error("no network");
    const all = vi.spyOn(network.addresses, "keys");
    const lookedUp = vi.spyOn(network.addresses, "get");
    const refused = await refusal(harness.engine.nouns.subnets.remove(TENANT, WEB, OLD, OPERATOR));
    expect(refused.message).toContain("are claimed: 10.20.0.2 (here); release");
    expect(all).not.toHaveBeenCalled();
    expect(new Set(lookedUp.mock.calls.flat())).toEqual(new Set(["10.20.0.2"]));
  });

  test("a removal names the first addresses that are used, their owners, and how many there are", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: SUBNETS });
    for (let index = 0; index < 7; index++) await harness.claim("web", `i${index}`);
    await harness.claim("web", "elsewhere", { subnet: "10.30.0.0/24" });
    const refused = await refusal(harness.engine.nouns.subnets.remove(TENANT, WEB, OLD, OPERATOR));
    expect(refused).toMatchObject({ code: "in_use", details: { claimed: 7 } });
    expect(refused.message).toMatch(
      /^7 addresses of 10\.20\.0\.0\/24 are claimed: (10\.20\.0\.\d \(i\d\)(, )?){5} and 2 more/,
    );
    expect(String(refused.details.addresses).split(",")).toHaveLength(5);
  });
});
