import { Identity, isHoldfastError, Name } from "@holdfast/core";
import { ManualClock, seededRandom } from "@holdfast/core/testing";
import type { QuotasPatch } from "@holdfast/model";
import { openMemoryStore, type Store } from "@holdfast/store";
import { describe, expect, test } from "vitest";
import { Draft, Overtaken } from "../state/change.ts";
import { lease, startWithBlocks } from "../testing/block-harness.ts";
import { collidingStore } from "../testing/colliding-store.ts";
import { claimName, type EngineHarness, OPERATOR, settled, startEngine, TENANT } from "../testing/engine-harness.ts";
import { refusal } from "../testing/refusal.ts";

const setQuotas = ({ engine }: EngineHarness, quotas: QuotasPatch) =>
  engine.nouns.tenants.update(TENANT, { quotas }, OPERATOR);

const claimed = async (store: Store) => (await store.list("addresses/")).entries.length;

describe("a quota", () => {
  test("of addresses refuses the claim that would exceed it, naming tenant, quota, limit, used and asked", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/24" }, { prefix: "fd00:20::/64" }] });
    await setQuotas(harness, { addresses: 3 });
    await harness.claim("web", "a");
    const refused = await refusal(harness.claim("web", "b"));
    expect(refused).toMatchObject({
      code: "quota_exceeded",
      details: { tenant: "default", quota: "addresses", limit: 3, used: 2, asked: 2 },
    });
    expect(refused.message).toBe(
      "tenant default may have 3 addresses, has 2 and asks for 2 more; release some or raise its quota addresses",
    );
    await harness.claim("web", "b", { addresses: ["10.20.0.9"] });
    await harness.engine.nouns.claims.release(claimName("web", "a"), OPERATOR);
    await harness.claim("web", "c");
  });

  test("of claims counts containers that bring no claim, too", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.node("h1");
    await setQuotas(harness, { claims: 1 });
    await harness.reserve("h1", { endpoint: "e1", network: "web" });
    expect((await refusal(harness.reserve("h1", { endpoint: "e2", network: "web" }))).code).toBe("quota_exceeded");
    await harness.report("h1", "e1", 1, ["released"]);
    await harness.reserve("h1", { endpoint: "e2", network: "web" });
  });

  test("of addresses per network leaves room in other networks", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.network("db", { subnets: [{ prefix: "10.30.0.0/24" }] });
    await setQuotas(harness, { addressesPerNetwork: 1 });
    await harness.claim("web", "a");
    expect((await refusal(harness.claim("web", "b"))).details).toMatchObject({ quota: "addressesPerNetwork", used: 1 });
    await harness.claim("db", "a");
  });

  test("of networks refuses the network that would exceed it", async () => {
    await using harness = await startEngine();
    await harness.network("a", { subnets: [] });
    await setQuotas(harness, { networks: 1 });
    expect((await refusal(harness.network("b", { subnets: [] }))).details).toMatchObject({
      quota: "networks",
      limit: 1,
      used: 1,
      asked: 1,
    });
    await setQuotas(harness, { networks: null });
    await harness.network("b", { subnets: [] });
  });

  test("below what is used takes nothing away and refuses what is new", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    for (const identity of ["a", "b", "c"]) await harness.claim("web", identity);
    expect((await setQuotas(harness, { claims: 1 })).quotas).toEqual({ claims: 1 });
    expect((await refusal(harness.claim("web", "d"))).details).toMatchObject({ used: 3, limit: 1 });
    expect(harness.getClaim("web", "c").addresses).toEqual(["10.20.0.4"]);
  });

  test("that is taken away is none; what is not named stays", async () => {
    await using harness = await startEngine();
    await setQuotas(harness, { claims: 0, addresses: 5 });
    expect((await setQuotas(harness, { claims: null })).quotas).toEqual({ addresses: 5 });
    expect(await setQuotas(harness, { addresses: null })).not.toHaveProperty("quotas");
  });

  test("is kept to the last claim by many clients of one controller, which do not wait for each other", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/16" }] });
    await setQuotas(harness, { addresses: 300 });
    const tries = Array.from({ length: 500 }, (_, index) => harness.claim("web", `i${index}`));
    const results = await Promise.allSettled(tries);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(300);
    for (const result of results) {
      if (result.status === "rejected") expect(isHoldfastError(result.reason, "quota_exceeded")).toBe(true);
    }
    // One to become the keeper; no claim was in another's way.
    expect(String(harness.engine.metrics)).not.toMatch(/commit_conflicts_total [1-9]/);
  });
});

describe("a tenant with a quota", () => {
  test("has no blocks on nodes, which could not count: those that are there are asked for", async () => {
    await using harness = await startWithBlocks();
    const block = await lease(harness, "h1");
    await setQuotas(harness, { networks: 4 });
    const { state } = harness.engine.platform;
    const returning = () => state.network(TENANT, Name.parse("web"))?.blocks.get(block.prefix)?.returning;
    expect(returning()).toBeUndefined();
    await setQuotas(harness, { addresses: 100 });
    expect(returning()).toBe(true);
    expect(await refusal(lease(harness, "h2"))).toMatchObject({
      code: "conflict",
      message: "tenant default has a quota, which nodes cannot count; ask for each address",
    });
  });
});

describe("a claim that is being drafted", () => {
  const identity = Identity.parse("a");

  async function keeperOf(quotas: QuotasPatch, parts: Parameters<typeof startEngine>[0] = {}) {
    const harness = await startEngine(parts);
    if (parts.store === undefined) {
      await harness.network("web");
      await setQuotas(harness, quotas);
    }
    const { platform } = harness.engine;
    const network = platform.state.network(TENANT, Name.parse("web"));
    if (network === undefined) throw new Error("no network");
    /** What stands in the way; undefined: nothing. */
    const admit = (draft: Draft): Promise<void> | undefined => {
      try {
        platform.quotas.admit(draft, network, { identity, addresses: 1 });
        return undefined;
      } catch (error) {
        if (error instanceof Overtaken) return error.over;
        throw error;
      }
    };
    return {
      harness,
      admit,
      keeper: () => platform.state.keepers.get(TENANT),
      [Symbol.asyncDispose]: harness.engine.stop,
    };
  }

  test("waits for another one that would fill the quota and may yet fail", async () => {
    await using kept = await keeperOf({ claims: 1 });
    await kept.admit(new Draft());
    const [first, second] = [new Draft(), new Draft()];
    expect(kept.admit(first)).toBeUndefined();
    const wait = kept.admit(second);
    expect(wait).toBeDefined();
    first.abandon();
    await wait;
    expect(kept.admit(second)).toBeUndefined();
  });

  test("counts with the other parts of its request", async () => {
    await using kept = await keeperOf({ claims: 2 });
    await kept.admit(new Draft());
    const whole = new Draft();
    expect(kept.admit(new Draft(whole))).toBeUndefined();
    const dropped = new Draft(whole);
    expect(kept.admit(dropped)).toBeUndefined();
    const third = new Draft(whole);
    expect(await refusal((async () => kept.admit(third))())).toMatchObject({
      details: { used: 0, asked: 3, limit: 2 },
    });
    dropped.abandon();
    expect(kept.admit(third)).toBeUndefined();
  });

  test("has the controller take a new keepership when it may be that a former one was made after all", async () => {
    await using kept = await keeperOf({ claims: 5 });
    await kept.admit(new Draft());
    const draft = new Draft();
    expect(kept.admit(draft)).toBeUndefined();
    const before = kept.keeper()?.revision ?? 0;
    draft.abandon(true);
    await kept.admit(new Draft());
    expect(kept.keeper()?.revision).toBeGreaterThan(before);
  });

  test("leaves a keeper that has just begun in peace until it has added something, or for 20 ms", async () => {
    await using first = await keeperOf({ claims: 5 });
    const { store, clock } = first.harness;
    await using second = await keeperOf({}, { store, clock });
    await second.admit(new Draft());
    await first.admit(new Draft());
    const self = first.keeper();
    await settled(second.harness.engine);
    const wait = second.admit(new Draft());
    await settled(first.harness.engine);
    expect(first.keeper()).toEqual(self);
    await first.harness.claim("web", "b");
    await wait;
    expect(second.keeper()?.keeper).not.toBe(self?.keeper);
  });
});

describe("quotas with several controllers on one store", () => {
  test.each(Array.from({ length: 10 }, (_, seed) => seed))("are never exceeded, and used up (%i)", async (seed) => {
    const random = seededRandom(seed);
    const clock = new ManualClock();
    await using stopwatch = keepMoving(clock);
    const store = openMemoryStore({ clock });
    await using first = await startEngine({ store: collidingStore(store, random), clock });
    await using second = await startEngine({ store: collidingStore(store, random), clock });
    await using third = await startEngine({ store: collidingStore(store, random), clock });
    const harnesses = [first, second, third];
    await first.network("web");
    await setQuotas(first, { addresses: 20 });
    const clients = Array.from({ length: 12 }, async (_, client) => {
      for (let step = 0; step < 12; step++) {
        const harness = harnesses[Math.floor(random() * 3)] as EngineHarness;
        const name = `i${client}-${step % 4}`;
        const work =
          random() < 0.75
            ? harness.claim("web", name)
            : harness.engine.nouns.claims.release(claimName("web", name), OPERATOR);
        await work.catch((error: unknown) => {
          if (!isHoldfastError(error) || error.code === "internal") throw error;
        });
        expect(await claimed(store)).toBeLessThanOrEqual(20);
      }
    });
    await Promise.all(clients);
    const fill = Array.from({ length: 30 }, (_, index) =>
      (harnesses[index % 3] as EngineHarness).claim("web", `last-${index}`),
    );
    await Promise.allSettled(fill);
    expect(await claimed(store)).toBe(20);
    expect(stopwatch).toBeDefined();
  });

  const cases = Array.from({ length: 20 }, (_, seed) => [seed, seed % 2 === 0 ? null : 1000] as const);
  test.each(cases)("hold from the moment they are set (%i, %o before)", async (seed, before) => {
    const random = seededRandom(seed);
    const clock = new ManualClock();
    await using stopwatch = keepMoving(clock);
    const store = openMemoryStore({ clock });
    await using first = await startEngine({ store: collidingStore(store, random), clock });
    await using second = await startEngine({ store: collidingStore(store, random), clock });
    await first.network("web");
    await setQuotas(first, { addresses: before });
    const claims = Array.from({ length: 40 }, (_, index) =>
      (index % 2 === 0 ? first : second).claim("web", `i${index}`).catch(() => undefined),
    );
    await setQuotas(second, { addresses: 10 });
    const there = await claimed(store);
    await Promise.all(claims);
    expect(await claimed(store)).toBeLessThanOrEqual(Math.max(there, 10));
    await setQuotas(first, { addresses: 5 });
    expect((await refusal(second.claim("web", "one-more"))).code).toBe("quota_exceeded");
    expect(stopwatch).toBeDefined();
  });

  test("a keeper that has died is followed by the next", async () => {
    await using first = await startEngine();
    await first.network("web");
    await setQuotas(first, { claims: 2 });
    await first.claim("web", "a");
    await first.engine.stop();
    await using second = await startEngine({ store: first.store, clock: first.clock });
    await second.claim("web", "b");
    expect((await refusal(second.claim("web", "c"))).code).toBe("quota_exceeded");
  });

  test("a tenant without quotas has no keeper, nor one whose networks alone are limited", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.claim("web", "a");
    await setQuotas(harness, { networks: 4 });
    await harness.claim("web", "b");
    expect((await harness.store.list("keepers/")).entries).toEqual([]);
    await harness.engine.nouns.tenants.create({ name: Name.parse("red"), labels: {}, quotas: { claims: 1 } }, OPERATOR);
    await harness.engine.nouns.tenants.delete(Name.parse("red"), OPERATOR);
    expect((await harness.store.list("keepers/")).entries).toEqual([]);
  });
});

/** A clock that goes on, for waits that nothing else ends. */
function keepMoving(clock: ManualClock): AsyncDisposable {
  const timer = setInterval(() => clock.advance(25), 1);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
    },
  };
}
