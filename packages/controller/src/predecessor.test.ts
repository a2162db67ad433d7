import { Cidr, IpAddress, Name } from "@holdfast/core";
import { newSubnetSchema } from "@holdfast/model";
import { storeWith } from "@holdfast/store/testing";
import { describe, expect, test } from "vitest";
import { claimName, OPERATOR, startEngine, TENANT } from "./testing/engine-harness.ts";
import { refusal } from "./testing/refusal.ts";

const WEB = Name.parse("web");

describe("what went wrong in the predecessor", () => {
  test("defect 1: a preferred address is checked for conflict", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.claim("web", "a", { addresses: ["10.20.0.9"] });
    expect((await refusal(harness.claim("web", "b", { addresses: ["10.20.0.9"] }))).code).toBe("address_in_use");
  });

  test("defect 2: an address that docker run --ip asks for is taken at once, before any endpoint exists", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/29" }] });
    await harness.node("h1");
    await harness.reserve("h1", { endpoint: "e1", network: "web", address: "10.20.0.3" });
    const others = [await harness.claim("web", "a"), await harness.claim("web", "b"), await harness.claim("web", "c")];
    expect(others.flatMap(({ addresses }) => addresses)).not.toContain("10.20.0.3");
    const rival = await refusal(harness.reserve("h1", { endpoint: "e2", network: "web", address: "10.20.0.3" }));
    expect(rival.code).toBe("claim_bound");
  });

  test("defect 3: an address that was asked for and never used can be given back", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.node("h1");
    await harness.reserve("h1", { endpoint: "e1", network: "web", address: "10.20.0.9" });
    expect(await harness.report("h1", "e1", 1, ["released"])).toBe("done");
    expect((await harness.store.list("addresses/")).entries).toEqual([]);
    expect((await harness.store.list("endpoints/")).entries).toEqual([]);
  });

  test("defect 4: giving back and taking at the same time lose nothing", async () => {
    await using harness = await startEngine();
    await harness.network("web", { cooldownSeconds: 0 });
    for (let index = 0; index < 50; index++) await harness.claim("web", `old-${index}`);
    const { claims } = harness.engine.nouns;
    await Promise.all(
      Array.from({ length: 50 }, (_, index) => [
        claims.release(claimName("web", `old-${index}`), OPERATOR),
        harness.claim("web", `new-${index}`),
      ]).flat(),
    );
    const { entries } = await harness.store.list("addresses/");
    expect(entries).toHaveLength(50);
    expect(new Set(entries.map(({ value }) => value)).size).toBe(50);
  });

  test("defect 5: a writer that was overtaken decides anew, and overwrites nothing", async () => {
    await using first = await startEngine();
    await using second = await startEngine({ store: first.store, clock: first.clock });
    await first.network("web");
    const label = (index: number) => ({ labels: { [`key-${index}`]: "x" } });
    const updates = Array.from({ length: 20 }, (_, index) => {
      const { networks } = (index % 2 === 0 ? first : second).engine.nouns;
      const caller = { ...OPERATOR, ifMatch: 2 };
      return networks.update(TENANT, WEB, label(index), caller);
    });
    const results = await Promise.allSettled(updates);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  test("defect 6: taking an address writes neither the network nor anything that grows with it", async () => {
    await using harness = await startEngine();
    const { revision } = await harness.network("web", { subnets: [{ prefix: "10.0.0.0/12" }] });
    await harness.claim("web", "a");
    const before = await harness.store.revision();
    await harness.claim("web", "b");
    const written = (await harness.store.list("")).entries.filter((entry) => entry.revision > before);
    expect(written.map(({ key }) => key.split("/")[0])).toEqual(["addresses", "claims", "ledger"]);
    expect(written.reduce((sum, { value }) => sum + value.length, 0)).toBeLessThan(1000);
    expect(harness.engine.nouns.networks.get(TENANT, WEB).revision).toBe(revision);
  });

  test("defect 7: a reserved address has an owner, a time and a history", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.claim("web", "redis-0", { addresses: ["10.20.0.9"] });
    const [story] = await harness.engine.nouns.explainer.explain(IpAddress.parse("10.20.0.9"), {});
    const since = harness.clock.now().toISOString();
    expect(story).toMatchObject({ state: "claimed", identity: "redis-0", since });
    expect(story?.history).toMatchObject([{ event: "claimed", actor: "operator", at: since }]);
  });

  test("defect 8: an address survives its container, its host and the next container's host", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.node("h1");
    await harness.node("h2");
    const claim = await harness.claim("web", "redis-0");
    for (const [round, node] of ["h1", "h2", "h1"].entries()) {
      const { endpoint } = await harness.reserve(node, { endpoint: `e${round}`, network: "web", identity: "redis-0" });
      expect([endpoint.addresses, endpoint.mac, endpoint.epoch]).toEqual([claim.addresses, claim.mac, round + 1]);
      await harness.report(node, `e${round}`, round + 1, [
        "binding",
        "wired",
        "active",
        "detaching",
        "detached",
        "released",
      ]);
    }
  });

  test("defect 9: an address that was freed last is not given next", async () => {
    await using harness = await startEngine();
    await harness.network("web", { cooldownSeconds: 0 });
    const [freed] = (await harness.claim("web", "a")).addresses;
    await harness.engine.nouns.claims.release(claimName("web", "a"), OPERATOR);
    for (const identity of ["b", "c", "d"])
      expect((await harness.claim("web", identity)).addresses).not.toContain(freed);
  });

  test("defect 10: IPv6 addresses are given back as IPv4 ones are", async () => {
    await using harness = await startEngine();
    const subnets = [{ prefix: "10.20.0.0/30" }, { prefix: "fd00:20::/126", gateway: null }];
    await harness.network("web", { subnets, cooldownSeconds: 0 });
    const { claims } = harness.engine.nouns;
    const given = new Set<string>();
    for (let round = 0; round < 12; round++) {
      const claim = await harness.claim("web", `id-${round}`);
      for (const address of claim.addresses) given.add(address);
      await claims.release(claimName("web", `id-${round}`), OPERATOR);
    }
    expect([...given].sort()).toEqual(["10.20.0.2", "fd00:20::1", "fd00:20::2", "fd00:20::3"]);
    expect((await harness.store.list("addresses/")).entries).toEqual([]);
  });

  test("defect 11: what is to expire expires at its time, however often the controller has restarted", async () => {
    await using first = await startEngine();
    await first.network("web");
    await first.node("h1");
    await first.claim("web", "a", { retention: { kind: "sticky", ttlSeconds: 3600 } });
    await first.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    await first.report("h1", "e1", 1, ["released"]);
    await first.engine.stop();
    for (let restart = 0; restart < 3; restart++) {
      await using next = await startEngine({ store: first.store, clock: first.clock });
      await next.advance(1_000_000);
      expect(next.getClaim("web", "a").identity).toBe("a");
    }
    await using last = await startEngine({ store: first.store, clock: first.clock });
    await last.advance(600_000);
    expect(() => last.getClaim("web", "a")).toThrow(/there is no claim/);
  });

  test("defect 12: one that cannot be expired does not keep the others from it, and is tried again", async () => {
    let failing = true;
    await using plain = await startEngine();
    const { store, clock } = plain;
    await plain.network("web");
    await plain.node("h1");
    for (const identity of ["a", "b", "c"]) {
      await plain.claim("web", identity, { retention: { kind: "sticky", ttlSeconds: 60 } });
      await plain.reserve("h1", { endpoint: `e-${identity}`, network: "web", identity });
      await plain.report("h1", `e-${identity}`, 1, ["released"]);
    }
    await plain.engine.stop();
    const broken = storeWith(store, {
      commit: async (transaction) => {
        const concerned = transaction.operations.some(({ key }) => key === "claims/default/web/b");
        if (failing && concerned) throw new TypeError("disk on fire");
        return store.commit(transaction);
      },
    });
    await using harness = await startEngine({ store: broken, clock });
    const left = async () => (await store.list("claims/")).entries.map(({ key }) => key.slice(-1)).join();
    await harness.advance(60_000);
    expect(await left()).toBe("b");
    expect(harness.logger.events).toContainEqual(
      expect.objectContaining({ level: "warn", message: "expiry failed and will be tried again" }),
    );
    failing = false;
    await harness.advance(10_000);
    expect(await left()).toBe("");
  });

  test("defect 18: an id that names flows and links is never given again, also after a restart", async () => {
    await using first = await startEngine();
    const { id: one } = await first.network("web");
    const { id: two } = await first.network("cache", { subnets: [{ prefix: "10.21.0.0/24" }] });
    await first.engine.nouns.networks.delete(TENANT, Name.parse("cache"), OPERATOR);
    await first.engine.stop();
    await using next = await startEngine({ store: first.store, clock: first.clock });
    const { id: three } = await next.network("cache", { subnets: [{ prefix: "10.21.0.0/24" }] });
    expect(new Set([one, two, three]).size).toBe(3);
  });

  test("defect 23: a network in use is extended", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/30" }] });
    await harness.claim("web", "a");
    const more = newSubnetSchema.parse({ prefix: "10.21.0.0/24" });
    await harness.engine.nouns.subnets.add(TENANT, WEB, more, OPERATOR);
    const { addresses } = await harness.claim("web", "b");
    expect(addresses.every((address) => Cidr.contains(more.prefix, address))).toBe(true);
  });
});
