import { Cidr, Identity, IpAddress, MacAddress, Name } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import type { EndpointReport, Phase } from "@holdfast/model";
import { openMemoryStore } from "@holdfast/store";
import { describe, expect, test } from "vitest";
import { madeReport } from "../testing/block-harness.ts";
import { claimName, dump, type EngineHarness, OPERATOR, startEngine, TENANT } from "../testing/engine-harness.ts";
import { heldBackStore } from "../testing/held-back-store.ts";

const WEB = Name.parse("web");
const H1 = Name.parse("h1");
const PRINTER = MacAddress.parse("52:54:00:00:00:09");
const ip = (last: number): IpAddress => IpAddress.parse(`10.20.0.${last}`);

async function start(
  network: Record<string, unknown> = {},
  parts: Parameters<typeof startEngine>[0] = {},
): Promise<EngineHarness> {
  const harness = await startEngine(parts);
  await harness.network("web", { conflictProbe: {}, ...network });
  for (const node of ["h1", "h2"]) await harness.node(node);
  return harness;
}

/** What a node reports of an endpoint for whose address somebody else has answered. */
function hitReport(harness: EngineHarness, endpoint: string, epoch: number, address: IpAddress): EndpointReport {
  const at = harness.clock.now().toISOString();
  const transitions = [{ phase: "released" as const, at, actor: "node/h1", reason: "somebody else has it" }];
  return { endpoint, epoch, transitions, conflicts: [{ address, mac: PRINTER, at }] };
}

/** A node reserves an address, and finds out that somebody else has it. Gives the address. */
async function hit(harness: EngineHarness, endpoint: string, body: Record<string, unknown> = {}): Promise<IpAddress> {
  const { claim } = await harness.reserve("h1", { endpoint, network: "web", ...body });
  const address = claim.addresses[0] as IpAddress;
  const [result] = await harness.reports("h1", [hitReport(harness, endpoint, claim.epoch, address)]);
  expect(result?.outcome).toBe("done");
  return address;
}

const usage = (harness: EngineHarness) => harness.engine.nouns.usage.ofNetwork(TENANT, WEB).v4;
const explain = async (harness: EngineHarness, address: IpAddress) =>
  (await harness.engine.nouns.explainer.explain(address, {}))[0];
const release = (harness: EngineHarness, address: IpAddress) =>
  harness.engine.nouns.quarantine.release({ tenant: TENANT, network: WEB, address }, "it is off", OPERATOR);

describe("an address that somebody outside has", () => {
  test("is given to nobody, says why, and the next start gets another", async () => {
    await using harness = await start();
    const address = await hit(harness, "e-1");
    const { claim } = await harness.reserve("h1", { endpoint: "e-2", network: "web" });
    expect(claim.addresses).not.toContain(address);
    await expect(harness.claim("web", "a", { addresses: [address] })).rejects.toMatchObject({
      code: "address_in_use",
      details: { address, mac: PRINTER, reason: "quarantined" },
    });
    await expect(harness.reserve("h2", { endpoint: "e-3", network: "web", address })).rejects.toThrow(
      `holdfast ip release-quarantine ${address} --network web`,
    );
    expect(await explain(harness, address)).toMatchObject({ state: "quarantined", mac: PRINTER, node: "h1" });
    const events = (await explain(harness, address))?.history.map(({ event, reason }) => `${event} ${reason ?? ""}`);
    expect(events).toEqual([
      "claimed ",
      "bound ",
      "released somebody else has it",
      `quarantined ${PRINTER} answered for it on node h1`,
    ]);
  });

  test("counts as neither free nor used nor resting, also when all others are used, and after a start", async () => {
    await using harness = await start({ subnets: [{ prefix: "10.20.0.0/29" }] });
    const address = await hit(harness, "e-1");
    const expected = { capacity: "5", used: "0", cooling: "0", quarantined: "1", setAside: "0", free: "4" };
    expect(usage(harness)).toMatchObject(expected);
    await harness.advance(3_600_000);
    expect(usage(harness)).toMatchObject(expected);
    await using again = await startEngine({ store: harness.store, clock: harness.clock });
    expect(usage(again)).toMatchObject(expected);
    const given = await Promise.all([1, 2, 3, 4].map((each) => again.claim("web", `i${each}`)));
    expect(given.flatMap(({ addresses }) => addresses)).not.toContain(address);
    await expect(again.claim("web", "i5")).rejects.toMatchObject({ code: "pool_exhausted" });
    expect(usage(again)).toMatchObject({ used: "4", quarantined: "1", free: "0" });
  });

  test("a report that comes twice changes nothing the second time, also when it was released meanwhile", async () => {
    await using harness = await start();
    const { claim } = await harness.reserve("h1", { endpoint: "e-1", network: "web" });
    const report = hitReport(harness, "e-1", 1, claim.addresses[0] as IpAddress);
    await harness.reports("h1", [report]);
    const before = await dump(harness.store);
    expect(await harness.reports("h1", [report])).toMatchObject([{ outcome: "done" }]);
    expect(await dump(harness.store)).toBe(before);
    await release(harness, claim.addresses[0] as IpAddress);
    await harness.reports("h1", [report]);
    expect(usage(harness).quarantined).toBe("0");
  });

  test("is put there also by an endpoint that took the place of another while no controller answered", async () => {
    await using harness = await start();
    const { claim } = await harness.reserve("h1", { endpoint: "e-1", network: "web" });
    const address = claim.addresses[0] as IpAddress;
    await harness.reports("h1", [{ ...hitReport(harness, "e-2", 1, address), replaces: "e-1" }]);
    expect(usage(harness)).toMatchObject({ used: "0", cooling: "0", quarantined: "1" });
  });

  test("only its own addresses can be put there by an endpoint", async () => {
    await using harness = await start();
    await harness.reserve("h1", { endpoint: "e-1", network: "web" });
    await harness.reports("h1", [hitReport(harness, "e-1", 1, ip(77))]);
    expect(usage(harness).quarantined).toBe("0");
  });

  test("of a claim with a name stays the claim's, which cannot be bound until it is released", async () => {
    await using harness = await start();
    await harness.claim("web", "db", { addresses: [ip(50)] });
    await hit(harness, "e-1", { identity: "db" });
    expect(harness.getClaim("web", "db")).toMatchObject({ addresses: [ip(50)], probeDue: true });
    expect(harness.getClaim("web", "db").binding).toBeUndefined();
    await expect(harness.reserve("h2", { endpoint: "e-2", network: "web", identity: "db" })).rejects.toMatchObject({
      details: { reason: "quarantined", mac: PRINTER },
    });
    expect(usage(harness)).toMatchObject({ used: "1", quarantined: "0" });
    expect((await explain(harness, ip(50)))?.summary).toContain("db keeps it and cannot use it until it is released");
    await release(harness, ip(50));
    const { claim } = await harness.reserve("h2", { endpoint: "e-2", network: "web", identity: "db" });
    expect(claim).toMatchObject({ probeDue: true, addresses: [ip(50)] });
  });

  test("does not rest and become free when its claim is released", async () => {
    await using harness = await start();
    await harness.claim("web", "db", { addresses: [ip(50)] });
    await hit(harness, "e-1", { identity: "db" });
    await harness.engine.nouns.claims.release(claimName("web", "db"), OPERATOR);
    await harness.advance(3_600_000);
    expect(await explain(harness, ip(50))).toMatchObject({ state: "quarantined" });
    expect(usage(harness)).toMatchObject({ used: "0", cooling: "0", quarantined: "1" });
    const at = await harness.engine.nouns.explainer.explainAt(ip(50), {}, harness.clock.now());
    expect(at[0]?.state).toBe("quarantined");
  });

  test("is passed on with its claim, and stays in quarantine", async () => {
    await using harness = await start();
    await harness.claim("web", "db", { addresses: [ip(50)] });
    await hit(harness, "e-1", { identity: "db" });
    const body = { identity: Identity.parse("db-2") };
    await harness.engine.nouns.transfers.transfer(claimName("web", "db"), body, OPERATOR);
    const at = await harness.engine.nouns.explainer.explainAt(ip(50), {}, harness.clock.now());
    expect(at[0]).toMatchObject({ state: "quarantined", identity: "db-2" });
    await release(harness, ip(50));
    const then = await harness.engine.nouns.explainer.explainAt(ip(50), {}, harness.clock.now());
    expect(then[0]).toMatchObject({ state: "claimed", identity: "db-2" });
  });

  test("is free again when an operator says so, with the reason in its history", async () => {
    await using harness = await start();
    const address = await hit(harness, "e-1");
    expect(await release(harness, address)).toMatchObject({ address, mac: PRINTER, node: "h1" });
    expect(usage(harness)).toMatchObject({ quarantined: "0", setAside: "0", free: "253" });
    expect((await explain(harness, address))?.history.at(-1)).toMatchObject({ event: "cleared", reason: "it is off" });
    const at = await harness.engine.nouns.explainer.explainAt(address, {}, harness.clock.now());
    expect(at[0]?.state).toBe("free");
    expect((await harness.claim("web", "a", { addresses: [address] })).addresses).toEqual([address]);
    await expect(release(harness, address)).rejects.toMatchObject({ code: "not_found" });
  });

  test("leaves by itself after the network's time, also when nobody was there at that moment", async () => {
    await using harness = await start({ conflictProbe: { quarantineSeconds: 600 } });
    const address = await hit(harness, "e-1");
    await harness.advance(599_000);
    expect(usage(harness).quarantined).toBe("1");
    await harness.engine.stop();
    await using again = await startEngine({ store: harness.store, clock: harness.clock });
    await again.advance(2000);
    expect(usage(again)).toMatchObject({ quarantined: "0", free: "253" });
    expect((await explain(again, address))?.history.at(-1)).toMatchObject({ event: "cleared", actor: "controller" });
  });

  test("keeps its subnet and network from being removed, and a drained one until it is released", async () => {
    await using harness = await start();
    const { subnets, networks, draining } = harness.engine.nouns;
    const prefix = Cidr.parse("10.20.0.0/24");
    const address = await hit(harness, "e-1");
    await expect(subnets.remove(TENANT, WEB, prefix, OPERATOR)).rejects.toThrow(`${address} (${PRINTER})`);
    await expect(networks.delete(TENANT, WEB, OPERATOR)).rejects.toMatchObject({ code: "in_use" });
    await draining.drain({ tenant: TENANT, network: WEB, prefix }, { removeWhenEmpty: true }, OPERATOR);
    await harness.advance(1);
    expect(networks.get(TENANT, WEB).subnets).toHaveLength(1);
    await release(harness, address);
    await harness.advance(1);
    expect(networks.get(TENANT, WEB).subnets).toEqual([]);
  });

  test("is taken out of the block of its node, and of no other lease", async () => {
    await using harness = await start({ nodeBlocks: { size: 16 } });
    const request = { tenant: TENANT, network: WEB, family: "v4" as const, held: [] };
    const block = await harness.engine.nouns.blocks.lease(H1, request);
    const address = block.ranges[0]?.first as IpAddress;
    const at = harness.clock.now().toISOString();
    const report = madeReport("e-1", address, at, ["reserved", "released"]);
    await harness.reports("h1", [{ ...report, conflicts: [{ address, mac: PRINTER, at }] }]);
    const now = harness.engine.platform.state.network(TENANT, WEB)?.blocks.get(block.prefix);
    expect(now?.ranges[0]?.first).not.toBe(address);
    expect(usage(harness)).toMatchObject({ quarantined: "1", setAside: "15" });
    const later = madeReport("e-2", address, harness.clock.now().toISOString());
    expect(await harness.reports("h1", [later])).toMatchObject([{ outcome: "superseded" }]);
    const { tenant, network, prefix, lease } = block;
    await harness.engine.nouns.blocks.giveBack(H1, { tenant, network, prefix, lease, resting: [] });
    const next = await harness.engine.nouns.blocks.lease(H1, request);
    expect(next.prefix).not.toBe(prefix);
  });

  test("is taken out of a block that its node told of before it knew", async () => {
    await using harness = await start({ nodeBlocks: { size: 16 } });
    const request = { tenant: TENANT, network: WEB, family: "v4" as const, held: [] };
    const block = await harness.engine.nouns.blocks.lease(H1, request);
    const address = block.ranges[0]?.first as IpAddress;
    const at = harness.clock.now().toISOString();
    await harness.reports("h1", [madeReport("e-1", address, at)]);
    const report = madeReport("e-1", address, at, ["reserved", "released"]);
    await harness.reports("h1", [{ ...report, conflicts: [{ address, mac: PRINTER, at }] }]);
    expect(usage(harness)).toMatchObject({ quarantined: "1", setAside: "15", used: "0" });
  });

  test("is put right in a pool that would give it, by verification", async () => {
    await using harness = await start();
    const address = await hit(harness, "e-1");
    const { platform, nouns } = harness.engine;
    const network = platform.state.network(TENANT, WEB);
    if (network === undefined) throw new TypeError("the network is there");
    const look = async () => {
      const how = { fix: true, actor: "operator", share: 1, signal: AbortSignal.timeout(5000) };
      const messages = await Array.fromAsync(nouns.verifier.round({}, how));
      return messages.flatMap((one) => (one.kind === "difference" ? one.difference.kind : []));
    };
    expect(await look()).toEqual([]);
    const before = network.quarantine.get(address);
    platform.pools.follow([{ kind: "quarantine", tenant: TENANT, network: WEB, address, before, after: undefined }]);
    expect(platform.pools.stateOf(network, address)).toBe("unused");
    expect(await look()).toEqual(["pool-differs"]);
    await harness.advance(600_000);
    expect(await look()).toEqual(["pool-differs"]);
    expect(platform.pools.stateOf(network, address)).toBe("set-aside");
  });
});

describe("whether an address is to be looked for", () => {
  const bind = (harness: EngineHarness, node: string, endpoint: string) =>
    harness.reserve(node, { endpoint, network: "web", identity: "db" });
  const phases = (harness: EngineHarness, endpoint: string, epoch: number, list: readonly Phase[]) =>
    harness.report("h1", endpoint, epoch, list);

  test("is said at the first binding, and again until it has been on the wire", async () => {
    await using harness = await start();
    await harness.claim("web", "db");
    expect((await bind(harness, "h1", "e-1")).claim.probeDue).toBe(true);
    await phases(harness, "e-1", 1, ["released"]);
    expect((await bind(harness, "h1", "e-2")).claim.probeDue).toBe(true);
    await phases(harness, "e-2", 2, ["binding", "wired"]);
    expect(harness.getClaim("web", "db").probeDue).toBeUndefined();
    await phases(harness, "e-2", 2, ["active", "detaching", "detached"]);
    expect((await bind(harness, "h2", "e-3")).claim.probeDue).toBeUndefined();
  });

  test("is over for a drift whose steps are told all at once", async () => {
    await using harness = await start();
    await harness.claim("web", "db");
    await bind(harness, "h1", "e-1");
    await phases(harness, "e-1", 1, ["binding", "wired", "active", "detaching", "detached"]);
    expect((await bind(harness, "h2", "e-2")).claim.probeDue).toBeUndefined();
    await using told = await start();
    await told.claim("web", "db");
    await bind(told, "h1", "e-1");
    await phases(told, "e-1", 1, ["binding", "wired", "active", "detaching", "detached", "released"]);
    expect((await bind(told, "h2", "e-2")).claim.probeDue).toBeUndefined();
  });

  test("is not said of what was in use before somebody wanted it to be, nor where nobody does", async () => {
    await using harness = await start({ conflictProbe: undefined });
    await harness.claim("web", "db");
    expect((await bind(harness, "h1", "e-1")).claim.probeDue).toBeUndefined();
    await phases(harness, "e-1", 1, ["binding", "wired", "active", "detaching", "detached"]);
    await harness.engine.nouns.networks.update(
      TENANT,
      WEB,
      { conflictProbe: { probes: 3, milliseconds: 300 } },
      OPERATOR,
    );
    expect((await bind(harness, "h2", "e-2")).claim.probeDue).toBeUndefined();
    expect((await harness.reserve("h2", { endpoint: "e-3", network: "web" })).network.conflictProbe).toEqual({
      probes: 3,
      milliseconds: 300,
    });
  });

  test("can be asked for in a VLAN only", async () => {
    await using harness = await startEngine();
    const overlay = harness.network("blue", { kind: "vxlan", conflictProbe: {} });
    await expect(overlay).rejects.toMatchObject({ code: "invalid_argument", details: { field: "conflictProbe" } });
    await harness.network("blue", { kind: "vxlan" });
    const change = { conflictProbe: { probes: 3, milliseconds: 300 } };
    const changed = harness.engine.nouns.networks.update(TENANT, Name.parse("blue"), change, OPERATOR);
    await expect(changed).rejects.toThrow("use kind vlan");
  });
});

describe("an address that came into quarantine at another controller", () => {
  /** A second controller, which hears nothing of what the first one does until it is let go. */
  async function pair(network: Record<string, unknown> = {}) {
    const clock = new ManualClock();
    const store = openMemoryStore({ clock });
    const undo = new AsyncDisposableStack();
    const first = undo.use(await start(network, { store, clock }));
    const held = heldBackStore(store);
    const second = undo.use(await startEngine({ store: held.store, clock }));
    held.hold();
    const letGoSoon = () => setTimeout(() => held.letGo(), 20);
    return { first, second, letGoSoon, [Symbol.asyncDispose]: () => undo.disposeAsync() };
  }

  test("is not claimed by one that has not heard of it", async () => {
    await using both = await pair();
    await hit(both.first, "e-1", { address: ip(90) });
    const late = both.second.claim("web", "late", { addresses: [ip(90)] });
    both.letGoSoon();
    await expect(late).rejects.toMatchObject({ code: "address_in_use", details: { reason: "quarantined" } });
  });

  test("is not in a block that one leases that has not heard of it", async () => {
    await using both = await pair({ nodeBlocks: { size: 16 }, cooldownSeconds: 0 });
    await hit(both.first, "e-1", { address: ip(130) });
    const request = { tenant: TENANT, network: WEB, family: "v4" as const, held: [] };
    const late = both.second.engine.nouns.blocks.lease(Name.parse("h2"), request);
    both.letGoSoon();
    expect((await late).prefix).not.toBe("10.20.0.128/28");
  });
});
