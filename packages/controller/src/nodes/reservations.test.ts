import { IpAddress, Name } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import { labelsOfClaim } from "@holdfast/model";
import { openMemoryStore } from "@holdfast/store";
import { describe, expect, test } from "vitest";
import { claimName, type EngineHarness, OPERATOR, startEngine } from "../testing/engine-harness.ts";
import { refusal } from "../testing/refusal.ts";

const H1 = Name.parse("h1");
const H2 = Name.parse("h2");

/** Two nodes, a network, and a claim `a` with 10.20.0.2. */
async function twoNodes(parts: Parameters<typeof startEngine>[0] = {}): Promise<EngineHarness> {
  const harness = await startEngine(parts);
  await harness.network("web");
  await harness.node("h1");
  await harness.node("h2");
  await harness.claim("web", "a");
  return harness;
}

describe("a reservation", () => {
  test("by identity binds the claim, with a new epoch", async () => {
    await using harness = await twoNodes();
    const { claim, endpoint, network } = await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    expect(claim).toMatchObject({ epoch: 1, binding: { node: "h1", endpoint: "e1" } });
    expect(endpoint).toMatchObject({ id: "e1", phase: "reserved", epoch: 1, addresses: ["10.20.0.2"], mac: claim.mac });
    expect(endpoint.revision).toBe(claim.revision);
    expect(network).toMatchObject({ id: "n1", name: "web" });
  });

  test("by the address of a claim binds that claim", async () => {
    await using harness = await twoNodes();
    const { claim } = await harness.reserve("h1", { endpoint: "e1", network: "web", address: "10.20.0.2" });
    expect(claim.identity).toBe("a");
  });

  test("by a free address makes an ephemeral claim", async () => {
    await using harness = await twoNodes();
    const { claim } = await harness.reserve("h1", { endpoint: "e1", network: "web", address: "10.20.0.77" });
    expect(claim).toMatchObject({ addresses: ["10.20.0.77"], retention: { kind: "ephemeral" } });
  });

  test("by several free addresses makes one claim of them; one that is another's is refused with its owner", async () => {
    await using harness = await twoNodes();
    const asked = { endpoint: "e1", network: "web", address: "10.20.0.78", also: ["10.20.0.77"] };
    const { claim, endpoint } = await harness.reserve("h1", asked);
    expect([...claim.addresses].sort()).toEqual(["10.20.0.77", "10.20.0.78"]);
    expect(endpoint.addresses).toEqual(claim.addresses);
    expect(await harness.reserve("h1", asked)).toMatchObject({ endpoint: { addresses: claim.addresses } });
    const partly = { endpoint: "e2", network: "web", address: "10.20.0.79", also: ["10.20.0.2"] };
    expect(await refusal(harness.reserve("h2", partly))).toMatchObject({
      code: "address_in_use",
      message: expect.stringContaining("10.20.0.2"),
    });
    expect((await harness.reserve("h2", { ...partly, also: [] })).claim.addresses).toEqual(["10.20.0.79"]);
  });

  test("by an identity that has no claim is refused, unless it is a hint", async () => {
    await using harness = await twoNodes();
    const request = { endpoint: "e1", network: "web", identity: "nobody" };
    expect((await refusal(harness.reserve("h1", request))).code).toBe("not_found");
    const { claim } = await harness.reserve("h1", { ...request, identityIsHint: true });
    expect(claim.retention.kind).toBe("ephemeral");
  });

  test("by a hint uses the identity's claim when it has one", async () => {
    await using harness = await twoNodes();
    const request = { endpoint: "e1", network: "web", identity: "a", identityIsHint: true };
    expect((await harness.reserve("h1", request)).claim.identity).toBe("a");
  });

  test("with a range has one of its addresses, also of a claim that is there", async () => {
    await using harness = await twoNodes();
    const range = { first: "10.20.0.100", last: "10.20.0.101" };
    const reserve = (endpoint: string, rest: object) =>
      harness.reserve("h1", { endpoint, network: "web", range, ...rest });
    expect((await reserve("e1", {})).claim.addresses).toEqual(["10.20.0.100"]);
    const named = await reserve("e2", { identity: "b", retention: { kind: "reserved" } });
    expect(named.claim).toMatchObject({ identity: "b", addresses: ["10.20.0.101"] });
    expect((await refusal(reserve("e3", {}))).code).toBe("pool_exhausted");
    expect(await refusal(reserve("e4", { identity: "a" }))).toMatchObject({
      code: "conflict",
      message: "a has 10.20.0.2, and an address from 10.20.0.100 to 10.20.0.101 is asked for; leave the range out",
    });
    expect((await refusal(reserve("e5", { address: "10.20.0.7" }))).code).toBe("conflict");
    expect(
      harness.engine.platform.state
        .network(claimName("web", "a").tenant, claimName("web", "a").network)
        ?.addresses.has(IpAddress.parse("10.20.0.7")),
    ).toBe(false);
    const elsewhere = { range: { first: "10.99.0.1", last: "10.99.0.9" } };
    expect(await refusal(reserve("e6", elsewhere))).toMatchObject({ code: "invalid_argument" });
  });

  describe("with a retention", () => {
    const retention = { kind: "sticky" as const, ttlSeconds: 60 };
    const request = { endpoint: "e1", network: "web", identity: "prod/redis-0", retention };

    test.each([true, false])(
      "makes a claim for an identity that has none, which outlives the endpoint (hint: %s)",
      async (identityIsHint) => {
        await using harness = await twoNodes();
        const { claim } = await harness.reserve("h1", { ...request, identityIsHint });
        expect(claim).toMatchObject({ identity: "prod/redis-0", retention, binding: { node: "h1", endpoint: "e1" } });
        await harness.report("h1", "e1", 1, ["binding", "wired", "active", "detaching", "detached", "released"]);
        const again = await harness.reserve("h2", { ...request, endpoint: "e2", identityIsHint });
        expect(again.claim).toMatchObject({ identity: "prod/redis-0", addresses: claim.addresses, epoch: 2 });
      },
    );

    test("gives the new claim the address that is asked for, and keeps to it", async () => {
      await using harness = await twoNodes();
      const { claim } = await harness.reserve("h1", { ...request, address: "10.20.0.77" });
      expect(claim).toMatchObject({ identity: "prod/redis-0", addresses: ["10.20.0.77"] });
      await harness.report("h1", "e1", 1, ["released"]);
      for (const identityIsHint of [true, false]) {
        const other = { ...request, endpoint: "e2", address: "10.20.0.78", identityIsHint };
        const refused = await refusal(harness.reserve("h1", other));
        expect(refused.message).toContain("prod/redis-0 has 10.20.0.77, not 10.20.0.78; ask for one of those");
      }
    });

    test("leaves a claim that is there as it is; a hint gives way to the owner of the address", async () => {
      await using harness = await twoNodes();
      const present = await harness.reserve("h1", { ...request, identity: "a" });
      expect(present.claim).toMatchObject({ identity: "a", retention: { kind: "reserved" } });
      await harness.report("h1", "e1", 1, ["released"]);
      const asked = { ...request, endpoint: "e2", address: "10.20.0.2" };
      expect((await refusal(harness.reserve("h1", asked))).message).toContain(
        "10.20.0.2 belongs to a, not to prod/redis-0",
      );
      const hinted = await harness.reserve("h1", { ...asked, identityIsHint: true });
      expect(hinted.claim.identity).toBe("a");
    });
  });

  describe("with labels of its runtime", () => {
    const ask = (harness: EngineHarness, endpoint: string, labels?: object) =>
      harness.reserve("h1", { endpoint, network: "web", identity: "a", ...(labels === undefined ? {} : { labels }) });

    test("gives them to the claim that it makes or finds, beside those of people", async () => {
      await using harness = await twoNodes();
      const { claims } = harness.engine.nouns;
      await claims.update(claimName("web", "a"), { labels: { app: "web" } }, OPERATOR);
      const { claim } = await ask(harness, "e1", { app: "db", tier: "front" });
      expect(claim).toMatchObject({ labels: { app: "web" }, runtimeLabels: { app: "db", tier: "front" } });
      expect(labelsOfClaim(claim)).toEqual({ app: "web", tier: "front" });
      const updated = await claims.update(claimName("web", "a"), { labels: {} }, OPERATOR);
      expect(labelsOfClaim(updated)).toEqual({ app: "db", tier: "front" });
      const made = await harness.reserve("h1", { endpoint: "e2", network: "web", labels: { app: "job" } });
      expect(made.claim).toMatchObject({ labels: {}, runtimeLabels: { app: "job" }, retention: { kind: "ephemeral" } });
    });

    test("has those of the present workload, and none of a former one", async () => {
      await using harness = await twoNodes();
      await ask(harness, "e1", { app: "db" });
      await harness.report("h1", "e1", 1, ["released"]);
      expect(harness.getClaim("web", "a").runtimeLabels).toEqual({ app: "db" });
      expect((await ask(harness, "e2", { app: "web" })).claim.runtimeLabels).toEqual({ app: "web" });
      await harness.report("h1", "e2", 2, ["released"]);
      expect((await ask(harness, "e3")).claim).not.toHaveProperty("runtimeLabels");
    });
  });

  test("by address and identity that disagree is refused, naming the owner", async () => {
    await using harness = await twoNodes();
    await harness.claim("web", "b");
    const foreign = { endpoint: "e1", network: "web", identity: "b", address: "10.20.0.2" };
    expect(await refusal(harness.reserve("h1", foreign))).toMatchObject({
      code: "address_in_use",
      details: { identity: "a" },
    });
    const other = { endpoint: "e1", network: "web", identity: "b", address: "10.20.0.99" };
    expect((await refusal(harness.reserve("h1", other))).code).toBe("conflict");
  });

  test("with the same endpoint id gives the same answer, also after the endpoint has gone on", async () => {
    await using harness = await twoNodes();
    const request = { endpoint: "e1", network: "web", identity: "a" };
    const first = await harness.reserve("h1", request);
    expect(await harness.reserve("h1", request)).toEqual(first);
    await harness.report("h1", "e1", 1, ["binding", "wired"]);
    expect(await harness.reserve("h1", request)).toMatchObject({ claim: first.claim, endpoint: { phase: "wired" } });
    const different = await refusal(harness.reserve("h1", { endpoint: "e1", network: "web", address: "10.20.0.50" }));
    expect(different.code).toBe("conflict");
  });

  test("of a claim that another node serves is refused, naming owner, node, endpoint and time", async () => {
    await using harness = await twoNodes();
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    const refused = await refusal(harness.reserve("h2", { endpoint: "e2", network: "web", address: "10.20.0.2" }));
    const since = harness.clock.now().toISOString();
    expect(refused).toMatchObject({
      code: "claim_bound",
      details: { identity: "a", node: "h1", endpoint: "e1", since },
    });
    expect(refused.message).toContain("bound on node h1 by endpoint e1");
  });

  test("of a claim that another endpoint of the same node serves is refused", async () => {
    await using harness = await twoNodes();
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    const refused = await refusal(harness.reserve("h1", { endpoint: "e2", network: "web", identity: "a" }));
    expect(refused).toMatchObject({ code: "claim_bound", details: { endpoint: "e1" } });
  });

  test("takes over from a node that was silent for the node timeout, and says so in the history", async () => {
    await using harness = await twoNodes();
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    await harness.advance(59_999);
    await harness.node("h2");
    const request = { endpoint: "e2", network: "web", identity: "a" };
    expect((await refusal(harness.reserve("h2", request))).code).toBe("claim_bound");
    await harness.advance(1);
    const { claim } = await harness.reserve("h2", request);
    expect(claim).toMatchObject({ epoch: 2, binding: { node: "h2", endpoint: "e2" } });
    const [story] = await harness.engine.nouns.explainer.explain(claim.addresses[0] ?? ("" as never), {});
    expect(story?.history.map(({ event, node }) => `${event} ${node ?? ""}`)).toEqual([
      "claimed ",
      "bound h1",
      "moved h1",
      "bound h2",
    ]);
    expect(story?.history[2]?.reason).toContain("silent for 60 s");
    expect(await harness.report("h1", "e1", 1, ["binding"])).toBe("superseded");
  });

  test("takes over from an endpoint that is off the wire already", async () => {
    await using harness = await twoNodes();
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    await harness.report("h1", "e1", 1, ["binding", "wired", "active", "detaching", "detached"]);
    const { claim } = await harness.reserve("h2", { endpoint: "e2", network: "web", identity: "a" });
    expect(claim.binding?.node).toBe("h2");
    expect(await harness.report("h1", "e1", 1, ["released"])).toBe("superseded");
    expect(await harness.report("h1", "e1", 1, ["released"])).toBe("done");
  });

  test("after a restart of the controller, a node counts as heard of at the start, and another controller may have heard it a little later", async () => {
    await using first = await twoNodes();
    await first.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    await first.advance(1_000_000);
    await first.engine.stop();
    await using second = await startEngine({ store: first.store, clock: first.clock });
    const request = { endpoint: "e2", network: "web", identity: "a" };
    expect((await refusal(second.reserve("h2", request))).code).toBe("claim_bound");
    await second.advance(74_999);
    expect((await refusal(second.reserve("h2", request))).code).toBe("claim_bound");
    await second.advance(1);
    expect((await second.reserve("h2", request)).claim.binding?.node).toBe("h2");
  });

  test("of a node that has not registered is refused", async () => {
    await using harness = await twoNodes();
    expect((await refusal(harness.reserve("h9", { endpoint: "e1", network: "web" }))).code).toBe("not_found");
  });

  test("in a network without free addresses says so and changes nothing", async () => {
    await using harness = await startEngine();
    await harness.network("tiny", { subnets: [{ prefix: "10.20.0.0/30" }] });
    await harness.node("h1");
    await harness.reserve("h1", { endpoint: "e1", network: "tiny" });
    const before = harness.engine.platform.state.revision;
    expect((await refusal(harness.reserve("h1", { endpoint: "e2", network: "tiny" }))).code).toBe("pool_exhausted");
    expect(harness.engine.platform.state.revision).toBe(before);
  });
});

describe("moving a claim", () => {
  const move = (harness: EngineHarness, body: { node?: Name; force?: boolean; reason?: string }) =>
    harness.engine.nouns.claims.move(claimName("web", "a"), { force: false, ...body }, OPERATOR);

  test("off a living node needs force", async () => {
    await using harness = await twoNodes();
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    expect(await refusal(move(harness, { node: H2 }))).toMatchObject({ code: "claim_bound", details: { node: "h1" } });
    const moved = await move(harness, { node: H2, force: true, reason: "host 1 is being repaired" });
    expect(moved).toMatchObject({ heldFor: "h2", epoch: 1 });
    expect(moved.binding).toBeUndefined();
    expect(harness.engine.platform.state.endpoints.has("e1")).toBe(false);
    const { tenant, network, addresses } = moved;
    const name = { tenant, network, address: addresses[0] as never };
    const history = await harness.engine.nouns.ledger.history(name, 9);
    expect(history.at(-1)).toMatchObject({ event: "moved", actor: "operator", reason: "host 1 is being repaired" });
  });

  test("holds it for the node that is named", async () => {
    await using harness = await twoNodes();
    await move(harness, { node: H2 });
    const request = { endpoint: "e1", network: "web", identity: "a" };
    expect(await refusal(harness.reserve("h1", request))).toMatchObject({ details: { heldFor: "h2" } });
    const { claim } = await harness.reserve("h2", request);
    expect(claim.heldFor).toBeUndefined();
    expect(claim.binding?.node).toBe("h2");
  });

  test("to the node where it is, and twice, changes nothing", async () => {
    await using harness = await twoNodes();
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    const before = harness.engine.platform.state.revision;
    await move(harness, { node: H1 });
    expect(harness.engine.platform.state.revision).toBe(before);
    await move(harness, { node: H2, force: true });
    const after = harness.engine.platform.state.revision;
    await move(harness, { node: H2, force: true });
    expect(harness.engine.platform.state.revision).toBe(after);
  });

  test("off a silent node needs no force", async () => {
    await using harness = await twoNodes();
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    await harness.advance(60_000);
    expect((await move(harness, {})).binding).toBeUndefined();
  });
});

describe("a reservation that is never attached", () => {
  test("stays as long as its node lives, which is reminded", async () => {
    await using harness = await twoNodes();
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    for (let minute = 0; minute < 30; minute++) {
      await harness.advance(59_000);
      await harness.node("h1");
    }
    expect(harness.getClaim("web", "a").binding?.endpoint).toBe("e1");
    expect(await harness.report("h1", "e1", 1, ["released"])).toBe("done");
    expect(harness.getClaim("web", "a").binding).toBeUndefined();
  });

  test("stays when its node falls silent, which may have attached it before that; whoever wants the claim gets it then", async () => {
    await using harness = await twoNodes();
    const { claim } = await harness.reserve("h1", { endpoint: "e1", network: "web" });
    for (let minute = 0; minute < 30; minute++) await harness.advance(60_000);
    expect(harness.getClaim("web", claim.identity).binding?.endpoint).toBe("e1");
    const [address] = claim.addresses;
    const { endpoint } = await harness.reserve("h2", { endpoint: "e2", network: "web", address });
    expect(endpoint.addresses).toEqual([address]);
    expect(await harness.report("h1", "e1", 1, ["binding"])).toBe("superseded");
  });

  test("is not taken back once it was attached, however silent the node", async () => {
    await using harness = await twoNodes();
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    await harness.report("h1", "e1", 1, ["binding", "wired", "active"]);
    await harness.advance(300_000);
    await harness.advance(10_000_000);
    expect(harness.getClaim("web", "a").binding?.endpoint).toBe("e1");
  });
});

describe("what is left of an endpoint that was cut off", () => {
  const WEEK = 7 * 24 * 3_600_000;

  test("is forgotten after a week in which its node was there to be told", async () => {
    await using harness = await twoNodes();
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    await harness.engine.nouns.endpoints.delete("e1", OPERATOR);
    await harness.advance(WEEK - 1);
    expect(harness.engine.platform.state.superseded.size).toBe(1);
    await harness.node("h1");
    await harness.advance(1);
    expect(harness.engine.platform.state.superseded.size).toBe(0);
  });

  test("is kept for a silent node, which may still have the endpoint on the wire, until that returns", async () => {
    await using harness = await twoNodes();
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    await harness.engine.nouns.endpoints.delete("e1", OPERATOR);
    await harness.engine.nouns.claims.release(claimName("web", "a"), OPERATOR);
    await harness.advance(10 * WEEK);
    expect(await harness.report("h1", "e1", 1, ["binding"])).toBe("superseded");
    await harness.advance(3_599_999);
    expect(harness.engine.platform.state.superseded.size).toBe(1);
    await harness.node("h1");
    await harness.advance(1);
    expect(harness.engine.platform.state.superseded.size).toBe(0);
  });

  test("is kept by a controller that has just started and heard of nobody", async () => {
    const clock = new ManualClock();
    const store = openMemoryStore({ clock });
    {
      await using harness = await twoNodes({ store, clock });
      await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
      await harness.engine.nouns.endpoints.delete("e1", OPERATOR);
    }
    clock.advance(2 * WEEK);
    await using again = await startEngine({ store, clock });
    await again.advance(1);
    expect(again.engine.platform.state.superseded.size).toBe(1);
  });

  test("goes with its node, once that is silent and forgotten", async () => {
    await using harness = await twoNodes();
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    const { nodes, endpoints } = harness.engine.nouns;
    expect((await refusal(nodes.delete(H1, OPERATOR))).message).toContain("serves 1 endpoints");
    await endpoints.delete("e1", OPERATOR);
    expect((await refusal(nodes.delete(H1, OPERATOR))).message).toContain("is alive");
    await harness.advance(60_000);
    expect(nodes.get(H1).state).toBe("silent");
    await nodes.delete(H1, OPERATOR);
    expect((await harness.store.list("superseded/")).entries).toEqual([]);
    expect((await refusal(nodes.delete(H1, OPERATOR))).code).toBe("not_found");
  });
});

describe("an ephemeral address that was released a moment ago", () => {
  test("is given again to the node that had it, when that asks for it, and to nobody else", async () => {
    await using harness = await twoNodes();
    const request = { network: "web", address: "10.20.0.77" };
    await harness.reserve("h1", { endpoint: "e1", ...request });
    await harness.report("h1", "e1", 1, ["released"]);
    expect(await refusal(harness.reserve("h2", { endpoint: "e2", ...request }))).toMatchObject({
      code: "address_in_use",
      details: { reason: "cooling" },
    });
    const { claim } = await harness.reserve("h1", { endpoint: "e3", ...request });
    expect(claim.addresses).toEqual(["10.20.0.77"]);
  });
});

describe("a node's report about itself", () => {
  test("is written only when something has changed", async () => {
    await using harness = await twoNodes();
    const before = harness.engine.platform.state.revision;
    const labels = { b: "2", a: "1" };
    const first = await harness.engine.nouns.nodes.report(H1, { version: "1.0", labels });
    expect(first.revision).toBe(before + 1);
    await harness.engine.nouns.nodes.report(H1, { labels: { a: "1", b: "2" }, version: "1.0" });
    expect(harness.engine.platform.state.revision).toBe(before + 1);
    expect(first).toMatchObject({ state: "ready", lastSeen: harness.clock.now().toISOString() });
  });
});
