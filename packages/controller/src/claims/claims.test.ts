import { Cidr, IpAddress, Name } from "@holdfast/core";
import { newSubnetSchema } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { claimName, OPERATOR, startEngine, TENANT } from "../testing/engine-harness.ts";
import { refusal } from "../testing/refusal.ts";

describe("a claim", () => {
  test("has an address and a MAC before any container exists", async () => {
    await using harness = await startEngine();
    await harness.network("web", { segment: 100 });
    const claim = await harness.claim("web", "redis-0");
    expect(claim).toMatchObject({ addresses: ["10.20.0.2"], mac: "02:64:0a:14:00:02", epoch: 0 });
    expect(claim.revision).toBe(harness.engine.platform.state.revision);
    expect(harness.getClaim("web", "redis-0")).toEqual(claim);
  });

  test("has one address of every family of its network, IPv4 first", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: [{ prefix: "fd00:20::/64" }, { prefix: "10.20.0.0/24" }] });
    expect((await harness.claim("web", "a")).addresses).toEqual(["10.20.0.2", "fd00:20::2"]);
    const given = ["fd00:20::99", "10.20.0.99"];
    expect((await harness.claim("web", "b", { addresses: given })).addresses).toEqual(["10.20.0.99", "fd00:20::99"]);
  });

  test("takes its address from the subnet that is named", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/24" }, { prefix: "10.21.0.0/24" }] });
    expect((await harness.claim("web", "a", { subnet: "10.21.0.0/24" })).addresses).toEqual(["10.21.0.2"]);
    expect(await refusal(harness.claim("web", "b", { subnet: "10.22.0.0/24" }))).toMatchObject({
      code: "invalid_argument",
      details: { field: "subnet" },
    });
  });

  test("of an address that is taken is refused, naming the owner and its node", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.claim("web", "redis-0", { addresses: ["10.20.0.9"] });
    const unbound = await refusal(harness.claim("web", "other", { addresses: ["10.20.0.9"] }));
    expect(unbound).toMatchObject({ code: "address_in_use", details: { identity: "redis-0" } });
    await harness.node("h1");
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "redis-0" });
    const bound = await refusal(harness.claim("web", "other", { addresses: ["10.20.0.9"] }));
    expect(bound.details).toMatchObject({ identity: "redis-0", node: "h1", endpoint: "e1" });
    expect(bound.message).toContain("redis-0 on node h1");
  });

  test("of an address outside the ranges is refused, naming the ranges", async () => {
    await using harness = await startEngine();
    const ranges = [{ first: "10.20.0.10", last: "10.20.0.19" }];
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/24", ranges }] });
    const refused = await refusal(harness.claim("web", "a", { addresses: ["10.20.0.200"] }));
    expect(refused.code).toBe("address_out_of_range");
    expect(refused.message).toContain("10.20.0.10-10.20.0.19");
  });

  test("of the gateway is refused", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    expect((await refusal(harness.claim("web", "a", { addresses: ["10.20.0.1"] }))).code).toBe("address_in_use");
  });

  test("exists once per identity and network", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.claim("web", "redis-0");
    expect(await refusal(harness.claim("web", "redis-0"))).toMatchObject({
      code: "already_exists",
      details: { addresses: "10.20.0.2" },
    });
  });

  test("that is bound cannot be released; one that is not can", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.claim("web", "a");
    await harness.node("h1");
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    const { claims } = harness.engine.nouns;
    expect((await refusal(claims.release(claimName("web", "a"), OPERATOR))).code).toBe("claim_bound");
    expect(await harness.report("h1", "e1", 1, ["released"])).toBe("done");
    await claims.release(claimName("web", "a"), OPERATOR);
    expect((await refusal(claims.release(claimName("web", "a"), OPERATOR))).code).toBe("not_found");
  });

  test("is changed only at the revision that the caller has seen", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    const claim = await harness.claim("web", "a");
    const { claims } = harness.engine.nouns;
    const patch = { labels: { env: "prod" } };
    const stale = claims.update(claimName("web", "a"), patch, { ...OPERATOR, ifMatch: claim.revision - 1 });
    expect((await refusal(stale)).code).toBe("precondition_failed");
    const changed = await claims.update(claimName("web", "a"), patch, { ...OPERATOR, ifMatch: claim.revision });
    expect(changed).toMatchObject({ labels: { env: "prod" } });
    expect(changed.revision).toBeGreaterThan(claim.revision);
  });
});

describe("retention", () => {
  test("ephemeral: the claim goes with its endpoint", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.node("h1");
    const { claim } = await harness.reserve("h1", { endpoint: "e1", network: "web" });
    expect(claim).toMatchObject({ retention: { kind: "ephemeral" }, identity: "ephemeral/e1" });
    await harness.report("h1", "e1", 1, ["binding", "wired", "active", "detaching", "detached", "released"]);
    expect(() => harness.getClaim("web", claim.identity)).toThrow(/there is no claim/);
  });

  test("sticky: the claim is kept for its time after the detach, then expires", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.node("h1");
    await harness.claim("web", "a", { retention: { kind: "sticky", ttlSeconds: 3600 } });
    await harness.advance(10_000_000);
    await harness.node("h1");
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    await harness.report("h1", "e1", 1, ["released"]);
    const until = new Date(harness.clock.now().getTime() + 3_600_000).toISOString();
    expect(harness.getClaim("web", "a").expiresAt).toBe(until);
    await harness.advance(3_599_999);
    expect(harness.getClaim("web", "a").addresses).toEqual(["10.20.0.2"]);
    await harness.advance(1);
    expect(() => harness.getClaim("web", "a")).toThrow(/there is no claim/);
  });

  test("made ephemeral while nobody has it, the claim goes when nobody comes for it", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.node("h1");
    await harness.claim("web", "a");
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    await harness.report("h1", "e1", 1, ["released"]);
    const { claims } = harness.engine.nouns;
    await claims.update(claimName("web", "a"), { retention: { kind: "ephemeral" } }, OPERATOR);
    await harness.advance(299_999);
    expect(harness.getClaim("web", "a").binding).toBeUndefined();
    await harness.advance(1);
    expect((await refusal(claims.release(claimName("web", "a"), OPERATOR))).code).toBe("not_found");
  });

  test("ephemeral and made by hand: the claim goes when nobody ever comes for it, and the ledger says so", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/24" }, { prefix: "fd00:20::/64" }] });
    const claim = await harness.claim("web", "a", { retention: { kind: "ephemeral" } });
    expect(claim.expiresAt).toBe(new Date(harness.clock.now().getTime() + 300_000).toISOString());
    await harness.claim("web", "b");
    await harness.advance(299_999);
    expect(harness.getClaim("web", "a").addresses).toHaveLength(2);
    await harness.advance(1);
    expect(() => harness.getClaim("web", "a")).toThrow(/there is no claim/);
    expect(harness.getClaim("web", "b").expiresAt).toBeUndefined();
    const { explainer } = harness.engine.nouns;
    const [story] = await explainer.explain(IpAddress.parse(claim.addresses[0] ?? ""), {});
    const reason = `never bound until ${claim.expiresAt}`;
    expect(story?.history.at(-1)).toMatchObject({ event: "expired", identity: "a", reason });
  });

  test("ephemeral and made by hand: bound in time, the claim lives with its endpoint", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.node("h1");
    const claim = await harness.claim("web", "a", { retention: { kind: "ephemeral" } });
    await harness.reserve("h1", { endpoint: "e1", network: "web", address: claim.addresses[0] });
    await harness.advance(10_000_000);
    expect(harness.getClaim("web", "a").expiresAt).toBeUndefined();
  });

  test("never bound and made ephemeral, the claim gets an end; made reserved, it has none", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.claim("web", "a");
    const { claims } = harness.engine.nouns;
    const patched = await claims.update(claimName("web", "a"), { retention: { kind: "ephemeral" } }, OPERATOR);
    expect(patched.expiresAt).toBeDefined();
    await claims.update(claimName("web", "a"), { retention: { kind: "reserved" } }, OPERATOR);
    await harness.advance(10_000_000);
    expect(harness.getClaim("web", "a").expiresAt).toBeUndefined();
  });

  test("sticky: bound again in time, it does not expire", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.node("h1");
    await harness.claim("web", "a", { retention: { kind: "sticky", ttlSeconds: 60 } });
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    await harness.report("h1", "e1", 1, ["released"]);
    await harness.advance(30_000);
    await harness.reserve("h1", { endpoint: "e2", network: "web", identity: "a" });
    await harness.advance(31_000);
    expect(harness.getClaim("web", "a")).toMatchObject({ epoch: 2, binding: { endpoint: "e2" } });
  });

  test("reserved: the claim stays for ever", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.node("h1");
    await harness.claim("web", "a");
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    await harness.report("h1", "e1", 1, ["released"]);
    await harness.advance(10 * 365 * 24 * 3_600_000);
    expect(harness.getClaim("web", "a").addresses).toEqual(["10.20.0.2"]);
  });
});

describe("a released address", () => {
  test("rests for the network's time and is then given again", async () => {
    await using harness = await startEngine();
    const ranges = [{ first: "10.20.0.10", last: "10.20.0.10" }];
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/24", ranges }], cooldownSeconds: 60 });
    await harness.claim("web", "a");
    await harness.engine.nouns.claims.release(claimName("web", "a"), OPERATOR);
    expect((await refusal(harness.claim("web", "b"))).code).toBe("pool_exhausted");
    const explicit = await refusal(harness.claim("web", "b", { addresses: ["10.20.0.10"] }));
    expect(explicit).toMatchObject({ code: "address_in_use", details: { identity: "a", reason: "cooling" } });
    await harness.advance(60_000);
    expect((await harness.claim("web", "b")).addresses).toEqual(["10.20.0.10"]);
    const { entries } = await harness.store.list("cooling/");
    expect(entries).toEqual([]);
  });

  test("goes back at once to the identity that had it", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.claim("web", "other");
    const [address] = (await harness.claim("web", "a")).addresses;
    await harness.engine.nouns.claims.release(claimName("web", "a"), OPERATOR);
    await harness.claim("web", "b");
    expect((await harness.claim("web", "a")).addresses).toEqual([address]);
  });

  test.each([
    ["the gateway", { gateway: "10.20.0.2" }],
    ["excluded", { exclusions: [{ first: "10.20.0.2", last: "10.20.0.2" }] }],
    ["not among the ranges", { ranges: [{ first: "10.20.0.10", last: "10.20.0.20" }] }],
  ])("that is %s now goes back to nobody who does not name it", async (_, described) => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/24", gateway: null }] });
    await harness.claim("web", "other");
    expect((await harness.claim("web", "a")).addresses).toEqual(["10.20.0.2"]);
    for (const identity of ["other", "a"]) {
      await harness.engine.nouns.claims.release(claimName("web", identity), OPERATOR);
    }
    const [name, prefix] = [Name.parse("web"), Cidr.parse("10.20.0.0/24")];
    const { subnets } = harness.engine.nouns;
    await subnets.remove(TENANT, name, prefix, OPERATOR);
    await subnets.add(TENANT, name, newSubnetSchema.parse({ prefix, gateway: null, ...described }), OPERATOR);
    const [address] = (await harness.claim("web", "a")).addresses;
    expect(address).not.toBe("10.20.0.2");
  });

  test("keeps its place in the order when the network's rest is changed", async () => {
    await using harness = await startEngine();
    await harness.network("web", { cooldownSeconds: 0 });
    for (const identity of ["a", "b"]) await harness.claim("web", identity);
    await harness.engine.nouns.claims.release(claimName("web", "b"), OPERATOR);
    const patch = { cooldownSeconds: 60 };
    await harness.engine.nouns.networks.update(TENANT, Name.parse("web"), patch, OPERATOR);
    expect((await harness.claim("web", "c")).addresses).toEqual(["10.20.0.4"]);
    await harness.engine.nouns.claims.release(claimName("web", "c"), OPERATOR);
    const explicit = await refusal(harness.claim("web", "d", { addresses: ["10.20.0.4"] }));
    expect(explicit).toMatchObject({ code: "address_in_use", details: { reason: "cooling" } });
  });

  test("still rests after the controller has restarted", async () => {
    await using first = await startEngine();
    const ranges = [{ first: "10.20.0.10", last: "10.20.0.10" }];
    await first.network("web", { subnets: [{ prefix: "10.20.0.0/24", ranges }], cooldownSeconds: 60 });
    await first.claim("web", "a");
    await first.engine.nouns.claims.release(claimName("web", "a"), OPERATOR);
    await first.engine.stop();
    await using second = await startEngine({ store: first.store, clock: first.clock });
    expect((await refusal(second.claim("web", "b"))).code).toBe("pool_exhausted");
    await second.advance(60_000);
    expect((await second.claim("web", "b")).addresses).toEqual(["10.20.0.10"]);
  });
});
