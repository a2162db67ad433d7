import { Identity, IpAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { claimName, dump, type EngineHarness, OPERATOR, startEngine } from "../testing/engine-harness.ts";
import { refusal } from "../testing/refusal.ts";

function transfer(harness: EngineHarness, from: string, to: string, caller: object = {}) {
  const body = { identity: Identity.parse(to), reason: "renamed" };
  return harness.engine.nouns.transfers.transfer(claimName("web", from), body, { ...OPERATOR, ...caller });
}

async function releasedOnce(): Promise<EngineHarness> {
  const harness = await startEngine();
  await harness.network("web", { subnets: [{ prefix: "10.20.0.0/24" }, { prefix: "fd00:20::/64" }] });
  await harness.node("h1");
  await harness.claim("web", "a", { labels: { env: "prod" } });
  await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
  await harness.report("h1", "e1", 1, ["released"]);
  return harness;
}

describe("a claim that is transferred", () => {
  test("goes on with addresses, MAC, epoch and all else under the other identity", async () => {
    await using harness = await releasedOnce();
    const before = harness.getClaim("web", "a");
    const after = await transfer(harness, "a", "b");
    expect(after).toEqual({ ...before, identity: "b", revision: after.revision });
    expect(harness.getClaim("web", "b")).toEqual(after);
    expect(() => harness.getClaim("web", "a")).toThrow(/there is no claim/);
    expect(harness.engine.nouns.subnets.list(before.tenant, before.network).items[0]?.usage).toMatchObject({
      used: "1",
      cooling: "0",
    });
    const bound = await harness.reserve("h1", { endpoint: "e2", network: "web", identity: "b" });
    expect(bound.claim).toMatchObject({ epoch: 2, addresses: before.addresses, mac: before.mac });
  });

  test("leaves behind what a runtime has said of the former workload", async () => {
    await using harness = await releasedOnce();
    const asked = { endpoint: "e2", network: "web", identity: "a", labels: { app: "web" } };
    await harness.reserve("h1", asked);
    await harness.report("h1", "e2", 2, ["released"]);
    expect(harness.getClaim("web", "a").runtimeLabels).toEqual({ app: "web" });
    const after = await transfer(harness, "a", "b");
    expect(after.labels).toEqual({ env: "prod" });
    expect(after).not.toHaveProperty("runtimeLabels");
  });

  test("gives its addresses to nobody else, also after a restart", async () => {
    await using harness = await releasedOnce();
    await transfer(harness, "a", "b");
    expect((await harness.claim("web", "a")).addresses).toEqual(["10.20.0.3", "fd00:20::3"]);
    const owner = await refusal(harness.claim("web", "c", { addresses: ["10.20.0.2"] }));
    expect(owner).toMatchObject({ code: "address_in_use", details: { identity: "b" } });
    await harness.engine.stop();
    await using second = await startEngine({ store: harness.store, clock: harness.clock });
    expect((await second.claim("web", "d")).addresses).toEqual(["10.20.0.4", "fd00:20::4"]);
    expect((await refusal(second.claim("web", "e", { addresses: ["fd00:20::2"] }))).details.identity).toBe("b");
  });

  test("stays in use in whatever order the two claims of the commit are taken in", async () => {
    await using harness = await releasedOnce();
    const former = harness.getClaim("web", "a");
    const claim = await transfer(harness, "a", "b");
    const { pools, state } = harness.engine.platform;
    pools.follow([
      { kind: "claim", before: undefined, after: claim },
      { kind: "claim", before: former, after: undefined },
    ]);
    const network = state.network(claim.tenant, claim.network);
    for (const address of claim.addresses) expect(network && pools.stateOf(network, address)).toBe("used");
  });

  test("is in the ledger under both identities", async () => {
    await using harness = await releasedOnce();
    await transfer(harness, "a", "b");
    for (const { value } of (await harness.store.list("addresses/")).entries) expect(value).toBe('{"identity":"b"}');
    for (const address of ["10.20.0.2", "fd00:20::2"]) {
      const [story] = await harness.engine.nouns.explainer.explain(IpAddress.parse(address), {});
      expect(story).toMatchObject({ identity: "b", state: "claimed" });
      expect(story?.history.at(-1)).toMatchObject({
        ...{ event: "transferred", identity: "b", formerIdentity: "a", actor: "operator", reason: "renamed" },
      });
    }
  });

  test("cannot be taken up again by a node that had it under the former identity", async () => {
    await using harness = await releasedOnce();
    const { addresses } = harness.getClaim("web", "a");
    await transfer(harness, "a", "b");
    expect((await refusal(harness.reserve("h1", { endpoint: "e3", network: "web", identity: "a" }))).code).toBe(
      "not_found",
    );
    const both = { endpoint: "e3", network: "web", identity: "a", address: "10.20.0.2" };
    expect((await refusal(harness.reserve("h1", both))).code).toBe("address_in_use");
    const claim = claimName("web", "a");
    const [asked] = await harness.reports("h1", [{ endpoint: "e1", epoch: 1, transitions: [], claim, addresses }]);
    expect(asked).toMatchObject({ outcome: "superseded", detail: "10.20.0.2 belongs to b" });
    const replacing = { endpoint: "e4", epoch: 1, transitions: [], claim, addresses, replaces: "e1" };
    expect((await harness.reports("h1", [replacing]))[0]?.outcome).toBe("refused");
  });

  test("is refused while it is bound, when the other has one, and at another revision; nothing changes", async () => {
    await using harness = await releasedOnce();
    await harness.claim("web", "b");
    const { revision } = harness.getClaim("web", "a");
    const before = await dump(harness.store);
    expect((await refusal(transfer(harness, "a", "b"))).code).toBe("already_exists");
    const stale = transfer(harness, "a", "c", { ifMatch: revision - 1 });
    expect((await refusal(stale)).code).toBe("precondition_failed");
    expect((await refusal(transfer(harness, "nobody", "c"))).code).toBe("not_found");
    expect((await transfer(harness, "a", "a")).revision).toBe(revision);
    expect(await dump(harness.store)).toBe(before);
    await harness.reserve("h1", { endpoint: "e2", network: "web", identity: "a" });
    expect(await refusal(transfer(harness, "a", "c"))).toMatchObject({
      code: "claim_bound",
      details: { node: "h1", endpoint: "e2" },
    });
  });

  test("is answered again under its key", async () => {
    await using harness = await releasedOnce();
    const idempotency = { route: "transferClaim", key: "k", fingerprint: "f" };
    const first = await transfer(harness, "a", "b", { idempotency });
    expect(await transfer(harness, "a", "b", { idempotency })).toEqual(first);
  });

  test("and runs out, does so under the other identity", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.node("h1");
    await harness.claim("web", "a", { retention: { kind: "sticky", ttlSeconds: 60 } });
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    await harness.report("h1", "e1", 1, ["released"]);
    await harness.advance(30_000);
    await transfer(harness, "a", "b");
    await harness.advance(29_999);
    expect(harness.getClaim("web", "b").addresses).toEqual(["10.20.0.2"]);
    await harness.advance(1);
    expect(() => harness.getClaim("web", "b")).toThrow(/there is no claim/);
    expect((await harness.store.list("addresses/")).entries).toEqual([]);
  });
});
