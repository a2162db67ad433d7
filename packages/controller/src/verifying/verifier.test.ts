import { IpAddress, MacAddress, Name } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import type { Difference, VerificationMessage } from "@holdfast/model";
import { openMemoryStore, type Store } from "@holdfast/store";
import { describe, expect, test } from "vitest";
import { Draft } from "../state/change.ts";
import { lease } from "../testing/block-harness.ts";
import { claimName, dump, type EngineHarness, OPERATOR, startEngine, TENANT } from "../testing/engine-harness.ts";
import { heldBackStore } from "../testing/held-back-store.ts";
import { refusal } from "../testing/refusal.ts";
import { ReportingNode } from "../testing/reporting-node.ts";
import type { Extent } from "./extent.ts";

const GRACE = 60_000;
const since = "2026-01-01T00:00:00.000Z";

/** A network `web`, a node `h1` that tells what it has, and claims `a` and `b`. */
async function world(parts: Parameters<typeof startEngine>[0] = {}) {
  const harness = await startEngine(parts);
  await harness.network("web", { subnets: [{ prefix: "10.20.0.0/24" }, { prefix: "fd00:20::/64" }] });
  const h1 = await ReportingNode.start(harness, "h1");
  await harness.claim("web", "a");
  await harness.claim("web", "b");
  return { harness, h1, [Symbol.asyncDispose]: () => harness[Symbol.asyncDispose]() };
}

async function verify(
  harness: EngineHarness,
  { fix = false, share = 1, ...extent }: Extent & { fix?: boolean; share?: number } = {},
) {
  const how = { fix, actor: "operator", share, signal: AbortSignal.timeout(5000) };
  const messages = await Array.fromAsync(harness.engine.nouns.verifier.round(extent, how));
  const of = <K extends VerificationMessage["kind"]>(kind: K) =>
    messages.filter((message): message is Extract<VerificationMessage, { kind: K }> => message.kind === kind);
  const [end] = of("end");
  if (end === undefined) throw new Error("the round has no end");
  return { differences: of("difference").map(({ difference }) => difference), unproven: of("unproven"), end };
}

/** Time goes on, and the nodes are heard of. */
async function pass(harness: EngineHarness, milliseconds = GRACE): Promise<void> {
  await harness.advance(milliseconds);
  for (const node of harness.engine.platform.state.nodes.keys()) await harness.node(node);
}

/** Two looks with the time of a proof between; the second repairs. */
async function repair(harness: EngineHarness): Promise<readonly Difference[]> {
  await verify(harness, { fix: true });
  await pass(harness);
  return (await verify(harness, { fix: true })).differences;
}

const kinds = (differences: readonly Difference[]) => differences.map(({ kind, object }) => `${kind} ${object}`);

async function history(harness: EngineHarness, address: string) {
  const [story] = await harness.engine.nouns.explainer.explain(IpAddress.parse(address), {});
  return (story?.history ?? []).map(({ event, actor, reason }) => ({ event, actor, reason }));
}

/** What no program of ours writes. */
async function damage(harness: EngineHarness, change: { put?: readonly [string, object]; delete?: string }) {
  const operations = [
    ...(change.put === undefined
      ? []
      : [{ kind: "put" as const, key: change.put[0], value: JSON.stringify(change.put[1]) }]),
    ...(change.delete === undefined ? [] : [{ kind: "delete" as const, key: change.delete }]),
  ];
  const result = await harness.store.commit({ conditions: [], operations });
  if (result.kind === "committed") await harness.engine.platform.state.reached(result.revision);
}

async function stored<T>(harness: EngineHarness, key: string): Promise<T> {
  return JSON.parse((await harness.store.get(key))?.value ?? "null") as T;
}

describe("a book that agrees with the world", () => {
  test("has no difference, and everything is looked at", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    await harness.reserve("h1", { endpoint: "e2", network: "web" });
    h1.has("e1");
    h1.has("e2");
    const before = await dump(harness.store);
    const { differences, unproven, end } = await verify(harness, { fix: true });
    expect(differences).toEqual([]);
    expect(unproven).toEqual([]);
    expect(end).toMatchObject({
      checked: { nodes: 1, endpoints: 2, claims: 3, addresses: 6 },
      differences: 0,
      again: 0,
    });
    expect(end.checked.history).toBeGreaterThanOrEqual(8);
    expect(await dump(harness.store)).toBe(before);
  });
});

describe("what changes while it is looked at is no difference", () => {
  /** A store that lets something happen once, behind the back of whoever reads there. */
  function interruptedStore() {
    const store = openMemoryStore({ clock: new ManualClock() });
    const interruption: {
      at?: { readonly read: string; readonly when: "before" | "after" };
      work?: () => Promise<unknown>;
    } = {};
    async function read<T>(what: string, look: () => Promise<T>): Promise<T> {
      const { at, work } = interruption;
      if (at === undefined || work === undefined || !what.startsWith(at.read)) return await look();
      delete interruption.at;
      if (at.when === "before") await work();
      const found = await look();
      if (at.when === "after") await work();
      return found;
    }
    const own: Partial<Store> = {
      get: (key) => read(`get ${key}`, () => store.get(key)),
      list: (prefix, options) => read(`list ${prefix}`, () => store.list(prefix, options)),
    };
    const wrapped = new Proxy(store, {
      get: (target, name: keyof Store) => own[name] ?? target[name].bind(target),
    });
    return { store: wrapped, interruption };
  }

  test.each([
    { read: "list claims/", when: "after" },
    { read: "list addresses/", when: "after" },
    { read: "list ledger/", when: "after" },
    { read: "get addresses/default/web/10.20.0.4", when: "before" },
  ] as const)("a release $when $read", async (at) => {
    const { store, interruption } = interruptedStore();
    await using world_ = await world({ store });
    const { harness, h1 } = world_;
    await harness.reserve("h1", { endpoint: "e1", network: "web" });
    h1.has("e1");
    // A lock too many, so that locks are looked for one by one.
    await damage(harness, { put: ["addresses/default/web/10.20.0.99", { identity: "ghost" }] });
    await damage(harness, { delete: "addresses/default/web/10.20.0.2" });
    interruption.at = at;
    interruption.work = async () => {
      h1.endpoints.clear();
      expect(await harness.report("h1", "e1", 1, ["released"])).toBe("done");
    };
    const { differences } = await verify(harness);
    expect(interruption.at).toBeUndefined();
    expect(h1.asked).toBe(1);
    expect(kinds(differences)).toEqual([
      "address-without-claim address default/web/10.20.0.99",
      "claim-without-address address default/web/10.20.0.2",
    ]);
  });

  test("a claim that goes with its network", async () => {
    const { store, interruption } = interruptedStore();
    await using world_ = await world({ store });
    const { harness } = world_;
    await harness.network("short", { subnets: [{ prefix: "10.30.0.0/24" }] });
    await harness.claim("short", "c");
    interruption.at = { read: "list claims/", when: "after" };
    interruption.work = async () => {
      await harness.engine.nouns.claims.release(claimName("short", "c"), OPERATOR);
      await harness.engine.nouns.networks.delete(TENANT, Name.parse("short"), OPERATOR);
    };
    expect((await verify(harness)).differences).toEqual([]);
  });

  test("a claim without an endpoint that goes while its node is asked", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    await damage(harness, { delete: "endpoints/e1" });
    h1.whenAsked = (time) => {
      h1.answers = time === 1;
    };
    const round = verify(harness);
    await expect.poll(() => h1.asked).toBe(2);
    await harness.engine.nouns.claims.move(claimName("web", "a"), { force: true }, OPERATOR);
    h1.tell(harness.engine.platform.state.revision);
    expect((await round).differences).toEqual([]);
  });

  test("a claim that another controller releases, of which this one has not heard", async () => {
    const shared = openMemoryStore({ clock: new ManualClock() });
    const { store, hold, letGo } = heldBackStore(shared);
    await using world_ = await world({ store });
    await using other = await startEngine({ store: shared, clock: new ManualClock(new Date("2026-01-01T00:00:01Z")) });
    hold();
    await other.engine.nouns.claims.release(claimName("web", "b"), OPERATOR);
    const round = verify(world_.harness);
    await other.claim("web", "c");
    letGo();
    expect((await round).differences).toEqual([]);
  });

  test("an endpoint that ends after its node has looked", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    const { tenant, network, identity, epoch, addresses, mac, workload } =
      harness.engine.platform.state.endpoints.get("e1") ?? {};
    h1.has("e1", { tenant, network, identity, epoch, addresses, mac, workload });
    await harness.report("h1", "e1", 1, ["released"]);
    h1.whenAsked = (time) => {
      if (time === 1) return;
      h1.endpoints.clear();
      h1.has("e2", { tenant, network, identity, epoch, addresses, mac, workload });
    };
    expect((await verify(harness)).differences).toEqual([]);
    expect(h1.asked).toBe(2);
  });

  test("a loss that its node confirms while it looks", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    await harness.engine.nouns.endpoints.delete("e1", OPERATOR);
    h1.answers = false;
    const round = verify(harness);
    await expect.poll(() => h1.asked).toBe(1);
    expect(await harness.report("h1", "e1", 1, ["released"])).toBe("superseded");
    h1.tell(harness.engine.platform.state.revision);
    expect((await round).differences).toEqual([]);
  });
});

describe("an endpoint that its node does not have", () => {
  const leak = async (harness: EngineHarness, identity?: string) => {
    const wanted = identity === undefined ? {} : { identity };
    return (await harness.reserve("h1", { endpoint: "e1", network: "web", ...wanted })).claim;
  };

  test("is named at first, and reclaimed with its ephemeral claim when it was seen twice, all its addresses at once", async () => {
    await using world_ = await world();
    const { harness } = world_;
    const claim = await leak(harness);
    const first = await verify(harness, { fix: true });
    expect(kinds(first.differences)).toEqual(["endpoint-missing endpoint e1"]);
    expect(first.differences[0]).toMatchObject({ proven: false, repairable: true, observations: 1, node: "h1" });
    expect(first.differences[0]?.outcome).toBeUndefined();
    expect(first.end).toMatchObject({ differences: 1, proven: 0, repaired: 0, again: 60 });
    await pass(harness);
    const [second] = (await verify(harness, { fix: true })).differences;
    expect(second).toMatchObject({ proven: true, observations: 2, outcome: { repaired: true } });
    expect(harness.engine.platform.state.endpoints.size).toBe(0);
    expect(() => harness.getClaim("web", claim.identity)).toThrow(/there is no claim/);
    for (const address of claim.addresses) {
      const last = (await history(harness, address)).at(-1);
      expect(last).toMatchObject({ event: "reclaimed", actor: "operator" });
      expect(last?.reason).toMatch(
        /^node h1 does not have it: .*; seen at 2026-01-01T00:00:00.000Z and at 2026-01-01T00:01:00.000Z$/,
      );
    }
    await pass(harness);
    expect(kinds((await verify(harness)).differences)).toEqual(["settled-loss lost endpoint e1 on h1"]);
  });

  test.each([{ retention: { kind: "reserved" } }, { retention: { kind: "sticky", ttlSeconds: 3600 } }])(
    "with a claim that is kept ($retention.kind) loses only its binding",
    async ({ retention }) => {
      await using world_ = await world();
      const { harness } = world_;
      await harness.claim("web", "kept", { retention });
      const claim = await leak(harness, "kept");
      await repair(harness);
      const rest = harness.getClaim("web", "kept");
      expect(rest).toMatchObject({ addresses: claim.addresses, retention });
      expect(rest.binding).toBeUndefined();
      expect(rest.expiresAt !== undefined).toBe(retention.kind === "sticky");
      expect((await history(harness, claim.addresses[0] ?? "")).at(-1)).toMatchObject({ event: "detached" });
    },
  );

  test("is left alone without --fix, however often it is seen", async () => {
    await using world_ = await world();
    const { harness } = world_;
    await leak(harness);
    await verify(harness);
    await pass(harness);
    const before = await dump(harness.store);
    expect((await verify(harness)).differences).toMatchObject([{ proven: true }]);
    expect(await dump(harness.store)).toBe(before);
  });

  test("is not proven by two looks without the time between", async () => {
    await using world_ = await world();
    const { harness } = world_;
    await leak(harness);
    await verify(harness, { fix: true });
    await pass(harness, GRACE - 1);
    expect((await verify(harness, { fix: true })).differences).toMatchObject([{ proven: false, observations: 2 }]);
    expect(harness.engine.platform.state.endpoints.size).toBe(1);
    await pass(harness, 1);
    expect((await verify(harness, { fix: true })).end.repaired).toBe(1);
  });

  test("is nothing when the node awaits it or was not told of it when it looked", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    await leak(harness);
    h1.awaited = ["e1"];
    expect((await verify(harness)).differences).toEqual([]);
    h1.awaited = [];
    h1.answers = false;
    const { inventories } = harness.engine.nouns;
    const asked = inventories.ask(h1.name, AbortSignal.timeout(1000));
    h1.tell(harness.engine.platform.state.revision - 1);
    await harness.advance(10_000);
    expect(await asked).toEqual({ reason: "it was asked and did not answer in 10s" });
  });

  test("that changes after it was told is judged by the next look only", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    h1.answers = false;
    const round = verify(harness, { fix: true });
    await expect.poll(() => h1.asked).toBe(1);
    const { revision } = harness.engine.platform.state;
    await leak(harness);
    h1.tell(revision);
    expect((await round).differences).toEqual([]);
  });

  test("is nothing when it was made anew between the two looks", async () => {
    await using world_ = await world();
    const { harness } = world_;
    await leak(harness, "a");
    await verify(harness, { fix: true });
    await pass(harness);
    await harness.report("h1", "e1", 1, ["released"]);
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    expect((await verify(harness, { fix: true })).differences).toMatchObject([{ proven: false, observations: 1 }]);
    expect(harness.getClaim("web", "a").binding?.endpoint).toBe("e1");
  });

  test("begins anew when the agent does, and when the controller does", async () => {
    const clock = new ManualClock();
    const store = openMemoryStore({ clock });
    {
      await using world_ = await world({ clock, store });
      const { harness, h1 } = world_;
      await leak(harness);
      await verify(harness, { fix: true });
      await pass(harness);
      h1.run = "run-2";
      expect((await verify(harness, { fix: true })).differences).toMatchObject([{ proven: false, observations: 1 }]);
      await pass(harness);
    }
    await using again = await startEngine({ clock, store });
    await ReportingNode.start(again, "h1");
    expect((await verify(again, { fix: true })).differences).toMatchObject([{ proven: false, observations: 1 }]);
  });

  test("begins anew when nothing was known of the node in between", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    await leak(harness);
    await verify(harness, { fix: true });
    harness.engine.nouns.inventories.reset(h1.name);
    await verify(harness, { fix: true });
    h1.tell(0);
    await pass(harness);
    expect((await verify(harness, { fix: true })).differences).toMatchObject([{ proven: false, observations: 1 }]);
  });

  test.each([
    ["its claim changes", "left alone: the claim of a has changed since"],
    ["it does itself", "left alone: endpoint e1 has changed since"],
  ])("is left alone when %s at the moment of the repair", async (what, detail) => {
    await using world_ = await world();
    const { harness } = world_;
    await leak(harness, "a");
    await verify(harness, { fix: true });
    await pass(harness);
    const { nouns, platform } = harness.engine;
    const { change } = platform.changer;
    // Somebody else is first: after the look, before the decision.
    let overtake = async (): Promise<void> => {
      overtake = () => Promise.resolve();
      if (what === "it does itself") await harness.report("h1", "e1", 1, ["binding"]);
      else await nouns.claims.update(claimName("web", "a"), { labels: { env: "prod" } }, OPERATOR);
    };
    Object.assign(platform.changer, {
      change: async (...request: Parameters<typeof change>) => {
        await overtake();
        return await change(...request);
      },
    });
    const [seen] = (await verify(harness, { fix: true })).differences;
    expect(seen?.outcome).toEqual({ repaired: false, detail });
    expect(harness.getClaim("web", "a").binding?.endpoint).toBe("e1");
  });

  test("whose interface is still on the wire there is taken off the wire first", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    await leak(harness);
    h1.strays = [{ endpoint: "e1", interface: "hfp7" }];
    const differences = await repair(harness);
    expect(kinds(differences)).toEqual(["stray-interface interface hfp7 on h1"]);
    expect(h1.toldGone).toEqual(["e1"]);
    expect(harness.engine.platform.state.endpoints.size).toBe(1);
    h1.strays = [];
    expect(kinds(await repair(harness))).toEqual(["endpoint-missing endpoint e1"]);
    expect(harness.engine.platform.state.endpoints.size).toBe(0);
  });
});

describe("a node of which nothing is known", () => {
  const left = async (harness: EngineHarness) => {
    expect(harness.engine.platform.state.endpoints.size).toBe(1);
    expect(harness.getClaim("web", "a").binding?.endpoint).toBe("e1");
  };
  const bound = (harness: EngineHarness, node = "h1") =>
    harness.reserve(node, { endpoint: "e1", network: "web", identity: "a" });

  test("because it is silent, proves nothing, and the round says so", async () => {
    await using world_ = await world();
    const { harness } = world_;
    await bound(harness);
    await verify(harness, { fix: true });
    for (let round = 0; round < 3; round++) {
      await harness.advance(GRACE * 10);
      const { differences, unproven } = await verify(harness, { fix: true });
      expect(differences).toEqual([]);
      expect(unproven).toMatchObject([{ node: "h1" }]);
      expect(unproven[0]?.reason).toMatch(/^it has been silent for \d+m.*; its 1 endpoints are left alone$/);
    }
    await left(harness);
  });

  test("because its agent is too old to say what it has, is not even asked", async () => {
    await using world_ = await world();
    const { harness } = world_;
    const old = await ReportingNode.start(harness, "h2", { old: true });
    await bound(harness, "h2");
    await verify(harness, { fix: true });
    await pass(harness);
    const { unproven } = await verify(harness, { fix: true });
    expect(unproven[0]?.reason).toContain("its agent (version 1.0) has not said yet what it has");
    expect(old.asked).toBe(0);
    await left(harness);
  });

  test("because its feed is cut, or it does not answer", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    await bound(harness);
    h1.answers = false;
    const round = verify(harness, { fix: true });
    await expect.poll(() => h1.asked).toBe(1);
    await harness.advance(10_000);
    expect((await round).unproven[0]?.reason).toContain("did not answer in 10s");
    await h1.disconnect();
    expect((await verify(harness)).unproven[0]?.reason).toContain("its feed is not connected");
    await left(harness);
  });

  test("because it does not answer, does not make the rest of the round slower", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    h1.answers = false;
    const round = verify(harness, { share: 0.01 });
    await expect.poll(() => h1.asked).toBe(1);
    await harness.advance(10_000);
    expect((await round).unproven).toHaveLength(1);
  });

  test("because it falls silent between the look and the repair", async () => {
    await using world_ = await world();
    const { harness } = world_;
    await bound(harness);
    await verify(harness, { fix: true });
    await pass(harness);
    const { liveness, changer } = harness.engine.platform;
    const { change } = changer;
    Object.assign(changer, {
      change: (...request: Parameters<typeof change>) => {
        Object.assign(liveness, { isSilent: () => true });
        return change(...request);
      },
    });
    const [seen] = (await verify(harness, { fix: true })).differences;
    expect(seen?.outcome?.detail).toBe("left alone: node h1 has fallen silent");
    await left(harness);
  });
});

describe("an endpoint of a node that was deleted", () => {
  test("goes when it was seen twice", async () => {
    await using world_ = await world();
    const { harness } = world_;
    await harness.node("h2");
    await harness.reserve("h2", { endpoint: "e1", network: "web", identity: "a" });
    await damage(harness, { delete: "nodes/h2" });
    expect(kinds(await repair(harness))).toEqual(["endpoint-without-node endpoint e1"]);
    expect(harness.getClaim("web", "a").binding).toBeUndefined();
  });

  test("is nothing when the node is back", async () => {
    await using world_ = await world();
    const { harness } = world_;
    await harness.node("h2");
    await harness.reserve("h2", { endpoint: "e1", network: "web", identity: "a" });
    await damage(harness, { delete: "nodes/h2" });
    await verify(harness, { fix: true });
    await harness.node("h2");
    await pass(harness);
    expect((await verify(harness, { fix: true })).differences).toEqual([]);
    expect(harness.getClaim("web", "a").binding?.endpoint).toBe("e1");
  });
});

describe("an endpoint whose sandbox is gone", () => {
  const dead = { sandbox: "gone", runtime: "missing", link: "gone" };
  test.each([
    ["docker does not have it, its sandbox is gone", dead, true],
    ["docker does not have it, nobody is in its sandbox", { ...dead, sandbox: "empty", link: "up" }, true],
    ["docker is not reached, but interface and sandbox are gone", { ...dead, runtime: "unknown" }, true],
    ["docker does not have it, but somebody is in its sandbox", { ...dead, sandbox: "inhabited" }, false],
    ["docker does not have it, and its sandbox cannot be seen", { ...dead, sandbox: "unknown" }, false],
    ["docker has it", { ...dead, runtime: "listed" }, false],
    ["docker is not reached, and only the sandbox is gone", { ...dead, runtime: "unknown", link: "up" }, false],
    ["docker is not reached, and nobody is in the sandbox", { ...dead, runtime: "unknown", sandbox: "empty" }, false],
    ["a CNI runtime does not have it, its sandbox is gone", { ...dead, workload: { runtime: "cni" } }, true],
    [
      "a CNI runtime does not have it, and no process is in the sandbox it has pinned",
      { ...dead, sandbox: "empty", workload: { runtime: "cni" } },
      false,
    ],
    ["it is reserved: its time runs there", { ...dead, phase: "reserved" }, false],
  ])("%s", async (_, machine, isDead) => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    h1.has("e1", { ...machine, since });
    const differences = await repair(harness);
    expect(kinds(differences)).toEqual(isDead ? ["endpoint-dead endpoint e1"] : []);
    expect(harness.getClaim("web", "a").binding === undefined).toBe(isDead);
    // Its node is told, so that nothing of it stays there.
    expect(h1.toldGone).toEqual(isDead ? ["e1"] : []);
  });

  test("is nothing when it has gone on in between", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    h1.has("e1", { ...dead, since });
    await verify(harness, { fix: true });
    await pass(harness);
    h1.has("e1", { ...dead, since: "2026-01-01T00:00:30.000Z" });
    expect((await verify(harness, { fix: true })).differences).toMatchObject([{ proven: false, observations: 1 }]);
  });
});

describe("an endpoint that only its node has", () => {
  const running = (address: string, rest: object = {}) => ({
    tenant: "default",
    network: "web",
    identity: "redis-0",
    epoch: 4,
    addresses: [address],
    mac: MacAddress.ofAddress(IpAddress.parse(address), 100),
    workload: { runtime: "docker" },
    since,
    ...rest,
  });

  test("and that runs keeps its address: it is recorded, and nobody else gets it", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    h1.has("e7", running("10.20.0.9"));
    expect(kinds(await repair(harness))).toEqual(["endpoint-unknown endpoint e7"]);
    expect(harness.getClaim("web", "redis-0")).toMatchObject({
      addresses: ["10.20.0.9"],
      epoch: 4,
      retention: { kind: "reserved" },
      binding: { node: "h1", endpoint: "e7" },
    });
    expect((await history(harness, "10.20.0.9")).map(({ event }) => event)).toEqual(["claimed", "bound"]);
    const taken = harness.claim("web", "other", { addresses: ["10.20.0.9"] });
    expect((await refusal(taken)).code).toBe("address_in_use");
    expect(await harness.report("h1", "e7", 4, ["active", "detaching"])).toBe("done");
    expect(h1.toldGone).toEqual([]);
    h1.has("e7", running("10.20.0.9"));
    expect((await verify(harness)).differences).toEqual([]);
  });

  test("and that runs with an address of another is only named", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    h1.has("e7", running("10.20.0.2"));
    const [seen] = await repair(harness);
    expect(seen).toMatchObject({ kind: "endpoint-unknown", repairable: false, proven: true });
    expect(seen?.book).toContain("10.20.0.2 belongs to a");
    expect(harness.engine.platform.state.endpoints.size).toBe(0);
  });

  test("and that runs with an address that is locked for somebody waits until that is settled", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    await damage(harness, { put: ["addresses/default/web/10.20.0.9", { identity: "ghost" }] });
    h1.has("e7", running("10.20.0.9"));
    const found = await repair(harness);
    expect(found.map(({ kind, outcome }) => `${kind} ${outcome?.repaired}`)).toEqual([
      "endpoint-unknown false",
      "address-without-claim true",
    ]);
    expect(kinds(await repair(harness))).toEqual(["endpoint-unknown endpoint e7"]);
    expect(harness.getClaim("web", "redis-0").addresses).toEqual(["10.20.0.9"]);
  });

  test("and that runs with an address of another node's block is only named", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    const h2 = await ReportingNode.start(harness, "h2");
    await harness.network("blocks", { subnets: [{ prefix: "10.40.0.0/24" }], nodeBlocks: { size: 16 } });
    const { network } = claimName("blocks", "x");
    const request = { tenant: TENANT, network, family: "v4" as const, held: [] };
    const { ranges } = await harness.engine.nouns.blocks.lease(h2.name, request);
    h1.has("e7", running(ranges[0]?.first ?? "", { network: "blocks" }));
    const [seen] = await repair(harness);
    expect(seen).toMatchObject({ kind: "endpoint-unknown", repairable: false });
    expect(seen?.book).toContain("whose node h2 reports by itself what it gives");
  });

  test("and that is not on the wire is taken down there", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    h1.has("e7", running("10.20.0.9", { phase: "failed" }));
    await repair(harness);
    expect(h1.toldGone).toEqual(["e7"]);
  });

  test("and that runs with an address of its node's block is recorded, and the block stays the node's", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    const network = Name.parse("web");
    await harness.engine.nouns.networks.update(TENANT, network, { nodeBlocks: { size: 16 } }, OPERATOR);
    const { prefix } = await lease(harness, "h1");
    const [first = ""] = prefix.split("/");
    h1.has("e7", running(first, { identity: "ephemeral/e7", ephemeral: true }));
    expect(kinds(await repair(harness))).toEqual(["endpoint-unknown endpoint e7"]);
    expect(harness.getClaim("web", "ephemeral/e7")).toMatchObject({ addresses: [first], binding: { endpoint: "e7" } });
    expect(kinds(await repair(harness))).toEqual([]);
    expect(h1.toldGone).toEqual([]);
    const block = harness.engine.platform.state.network(TENANT, network)?.blocks.givenFrom(IpAddress.parse(first));
    expect(block).toMatchObject({ node: "h1", prefix });
  });

  test("and that it has lost is taken down there, though it runs", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    const { tenant, network, identity, epoch, addresses, mac, workload } =
      harness.engine.platform.state.endpoints.get("e1") ?? {};
    h1.has("e1", { tenant, network, identity, epoch, addresses, mac, workload, since });
    await harness.engine.nouns.endpoints.delete("e1", OPERATOR);
    await repair(harness);
    expect(h1.toldGone).toEqual(["e1", "e1"]);
    expect(harness.getClaim("web", "a").binding).toBeUndefined();
  });

  test("is nothing when its report comes in between", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    h1.has("e7", running("10.20.0.9"));
    await verify(harness, { fix: true });
    await pass(harness);
    h1.endpoints.clear();
    expect((await verify(harness, { fix: true })).differences).toEqual([]);
  });
});

test("an endpoint that node and book have differently is only named", async () => {
  await using world_ = await world();
  const { harness, h1 } = world_;
  await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
  h1.has("e1", { addresses: ["10.20.0.77"], since });
  expect(await repair(harness)).toMatchObject([{ kind: "endpoint-differs", repairable: false, proven: true }]);
});

describe("a stray interface", () => {
  test("is taken off the wire by its node when it was seen twice", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    h1.strays = [{ endpoint: "e9", interface: "hfp9" }];
    await verify(harness, { fix: true });
    expect(h1.toldGone).toEqual([]);
    await pass(harness);
    await verify(harness, { fix: true });
    expect(h1.toldGone).toEqual(["e9"]);
  });
});

describe("an endpoint without its claim", () => {
  test("that may run gets its claim back", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    h1.has("e1");
    const claim = harness.getClaim("web", "a");
    await damage(harness, { delete: "claims/default/web/a" });
    for (const address of claim.addresses) await damage(harness, { delete: `addresses/default/web/${address}` });
    expect(kinds(await repair(harness))).toContain("endpoint-without-claim endpoint e1");
    expect(harness.getClaim("web", "a")).toMatchObject({
      addresses: claim.addresses,
      epoch: 1,
      binding: { endpoint: "e1" },
    });
    expect((await verify(harness)).differences).toEqual([]);
  });

  test("that another endpoint has by now is cut off", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    h1.has("e1");
    const endpoint = await stored<object>(harness, "endpoints/e1");
    await damage(harness, { put: ["endpoints/e0", { ...endpoint, id: "e0" }] });
    h1.has("e0");
    expect(kinds(await repair(harness))).toEqual(["endpoint-without-claim endpoint e0"]);
    expect(h1.toldGone).toEqual(["e0"]);
    expect(harness.getClaim("web", "a").binding?.endpoint).toBe("e1");
  });
});

describe("a claim whose endpoint is not there", () => {
  const lose = async (harness: EngineHarness) => {
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    await damage(harness, { delete: "endpoints/e1" });
  };

  test("is detached when its node does not have it either", async () => {
    await using world_ = await world();
    const { harness } = world_;
    await lose(harness);
    expect(kinds(await repair(harness))).toEqual(["binding-without-endpoint claim default/web/a"]);
    expect(harness.getClaim("web", "a").binding).toBeUndefined();
  });

  test("gets it back when its node has it", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    const { tenant, network, identity, epoch, addresses, mac, workload } =
      harness.engine.platform.state.endpoints.get("e1") ?? {};
    await damage(harness, { delete: "endpoints/e1" });
    h1.has("e1", { tenant, network, identity, epoch, addresses, mac, workload, since });
    expect(kinds((await verify(harness)).differences)).toEqual(["endpoint-unknown endpoint e1"]);
    await pass(harness);
    expect(kinds(await repair(harness))).toEqual([]);
    expect(harness.engine.platform.state.endpoints.get("e1")).toMatchObject({ node: "h1", epoch: 1, phase: "active" });
    expect(harness.getClaim("web", "a").binding?.endpoint).toBe("e1");
  });

  test("stays as it is while its node is about to have the endpoint", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    await lose(harness);
    h1.awaited = ["e1"];
    expect(await repair(harness)).toEqual([]);
    expect(harness.getClaim("web", "a").binding?.endpoint).toBe("e1");
  });

  test("stays as it is while its node is silent", async () => {
    await using world_ = await world();
    const { harness } = world_;
    await lose(harness);
    await harness.advance(GRACE);
    const { differences } = await verify(harness, { fix: true });
    expect(differences).toMatchObject([{ kind: "binding-without-endpoint", repairable: false }]);
    await harness.advance(GRACE);
    await verify(harness, { fix: true });
    expect(harness.getClaim("web", "a").binding?.endpoint).toBe("e1");
    // The first look that counts is the first at which the node says something.
    await harness.node("h1");
    expect((await verify(harness, { fix: true })).differences).toMatchObject([{ proven: false, observations: 1 }]);
  });
});

describe("locks", () => {
  test("a claim's address that is not locked is locked again", async () => {
    await using world_ = await world();
    const { harness } = world_;
    await damage(harness, { delete: "addresses/default/web/10.20.0.2" });
    expect(kinds(await repair(harness))).toEqual(["claim-without-address address default/web/10.20.0.2"]);
    expect(await stored(harness, "addresses/default/web/10.20.0.2")).toEqual({ identity: "a" });
  });

  test("an address that two claims have is only named", async () => {
    await using world_ = await world();
    const { harness } = world_;
    const b = await stored<object>(harness, "claims/default/web/b");
    await damage(harness, { put: ["claims/default/web/b", { ...b, addresses: ["10.20.0.2"] }] });
    const differences = await repair(harness);
    expect(kinds(differences)).toContain("claim-without-address address default/web/10.20.0.2");
    expect(differences.find(({ kind }) => kind === "claim-without-address")).toMatchObject({
      repairable: false,
      remedy: "release b or a: both cannot have it",
    });
    expect(await stored(harness, "addresses/default/web/10.20.0.2")).toEqual({ identity: "a" });
  });

  test("an address that is locked for nobody rests, then is free", async () => {
    await using world_ = await world();
    const { harness } = world_;
    await damage(harness, { put: ["addresses/default/web/10.20.0.50", { identity: "ghost" }] });
    expect(kinds(await repair(harness))).toEqual(["address-without-claim address default/web/10.20.0.50"]);
    expect(await harness.store.get("addresses/default/web/10.20.0.50")).toBeUndefined();
    expect(await stored(harness, "cooling/default/web/10.20.0.50")).toMatchObject({ identity: "ghost" });
    expect((await history(harness, "10.20.0.50")).at(-1)).toMatchObject({ event: "reclaimed" });
    await pass(harness);
    expect((await harness.claim("web", "c", { addresses: ["10.20.0.50"] })).addresses).toEqual(["10.20.0.50"]);
  });

  test("an address that is locked anew at the moment of the repair is left alone", async () => {
    await using world_ = await world();
    const { harness } = world_;
    const key = "addresses/default/web/10.20.0.50";
    await damage(harness, { put: [key, { identity: "ghost" }] });
    await verify(harness, { fix: true });
    await pass(harness);
    const { changer } = harness.engine.platform;
    const { change } = changer;
    Object.assign(changer, {
      change: async (...request: Parameters<typeof change>) => {
        await damage(harness, { put: [key, { identity: "other" }] });
        return await change(...request);
      },
    });
    const [seen] = (await verify(harness, { fix: true })).differences;
    expect(seen?.outcome?.repaired).toBe(false);
    expect(await stored(harness, key)).toEqual({ identity: "other" });
  });

  test("an address that is claimed between the two looks is left alone", async () => {
    await using world_ = await world();
    const { harness } = world_;
    await damage(harness, { put: ["addresses/default/web/10.20.0.50", { identity: "ghost" }] });
    await verify(harness, { fix: true });
    await pass(harness);
    await damage(harness, { delete: "addresses/default/web/10.20.0.50" });
    await harness.claim("web", "ghost", { addresses: ["10.20.0.50"] });
    expect((await verify(harness, { fix: true })).differences).toEqual([]);
  });
});

describe("claims", () => {
  test("an ephemeral one without an end gets one", async () => {
    await using world_ = await world();
    const { harness } = world_;
    const a = await stored<object>(harness, "claims/default/web/a");
    await damage(harness, { put: ["claims/default/web/a", { ...a, retention: { kind: "ephemeral" } }] });
    expect(kinds(await repair(harness))).toEqual(["claim-without-end claim default/web/a"]);
    expect(harness.getClaim("web", "a").expiresAt).toBe(
      new Date(harness.clock.now().getTime() + 300_000).toISOString(),
    );
  });

  test("one outside the network's subnets is only named", async () => {
    await using world_ = await world();
    const { harness } = world_;
    const a = await stored<object>(harness, "claims/default/web/a");
    await damage(harness, { put: ["claims/default/web/x", { ...a, identity: "x", addresses: ["172.16.0.1"] }] });
    await damage(harness, { put: ["addresses/default/web/172.16.0.1", { identity: "x" }] });
    expect(await repair(harness)).toMatchObject([{ kind: "claim-outside", repairable: false }]);
  });

  test("one whose address is said to rest does not rest any more", async () => {
    await using world_ = await world();
    const { harness } = world_;
    const until = new Date(harness.clock.now().getTime() + 10 * GRACE).toISOString();
    await damage(harness, { put: ["cooling/default/web/10.20.0.2", { until, identity: "z" }] });
    expect(kinds(await repair(harness))).toContain("rest-of-claimed address default/web/10.20.0.2");
    expect(await harness.store.get("cooling/default/web/10.20.0.2")).toBeUndefined();
  });
});

test("a pool that would give a claimed address away follows the book again", async () => {
  await using world_ = await world();
  const { harness } = world_;
  const { pools, state } = harness.engine.platform;
  const web = state.network(TENANT, claimName("web", "a").network);
  if (web === undefined) throw new Error("no network");
  const address = IpAddress.parse("10.20.0.2");
  // The pool is told that nobody has it any more.
  Object.assign(web.addresses, { has: () => false });
  pools.follow([{ kind: "claim", before: harness.getClaim("web", "a"), after: undefined }]);
  Reflect.deleteProperty(web.addresses, "has");
  expect(pools.stateOf(web, address)).not.toBe("used");
  expect(new Set(kinds(await repair(harness)))).toContain("pool-differs address default/web/10.20.0.2");
  expect(pools.stateOf(web, address)).toBe("used");
  expect((await verify(harness)).differences).toEqual([]);
});

describe("a pool that keeps back what nobody has", () => {
  test("gives it again when that was seen twice", async () => {
    await using world_ = await world();
    const { harness } = world_;
    const { pools, state } = harness.engine.platform;
    const web = state.network(TENANT, claimName("web", "a").network);
    if (web === undefined) throw new Error("no network");
    const lost = harness.getClaim("web", "a");
    const stray = { ...lost, addresses: [IpAddress.parse("10.20.0.77"), IpAddress.parse("fd00:20::77")] };
    pools.follow([{ kind: "claim", before: undefined, after: stray }]);
    const [first] = (await verify(harness, { fix: true })).differences;
    expect(first).toMatchObject({ book: "nobody has it", world: "the pool of the controller has it as used" });
    expect(pools.stateOf(web, IpAddress.parse("10.20.0.77"))).toBe("used");
    await pass(harness);
    expect(kinds((await verify(harness, { fix: true })).differences)).toEqual([
      "pool-differs address default/web/10.20.0.77",
      "pool-differs address default/web/fd00:20::77",
    ]);
    expect(pools.stateOf(web, IpAddress.parse("10.20.0.77"))).toBe("unused");
    expect((await verify(harness)).differences).toEqual([]);
  });

  test("is not accused of what a request is about to have", async () => {
    await using world_ = await world();
    const { harness } = world_;
    const { pools, state } = harness.engine.platform;
    const web = state.network(TENANT, claimName("web", "a").network);
    if (web === undefined) throw new Error("no network");
    const draft = new Draft();
    const address = pools.allocate(draft, web, { family: "v4" });
    expect(await repair(harness)).toEqual([]);
    expect(pools.stateOf(web, address)).toBe("used");
    draft.abandon();
  });
});

test("a pool that would give an address away before its rest is over follows the book again", async () => {
  await using world_ = await world();
  const { harness } = world_;
  const { pools, state } = harness.engine.platform;
  const web = state.network(TENANT, claimName("web", "a").network);
  if (web === undefined) throw new Error("no network");
  const address = IpAddress.parse("10.20.0.200");
  const until = "2026-01-01T01:00:00.000Z";
  // In the book, and the pool was not told.
  web.cooling.set({ address, until, identity: claimName("web", "gone").identity, revision: 1 });
  expect(pools.stateOf(web, address)).toBe("unused");
  const [found] = await repair(harness);
  expect(found).toMatchObject({ kind: "pool-differs", book: `it rests until ${until}, since gone released it` });
  expect(pools.stateOf(web, address)).toBe("cooling");
  expect((await verify(harness)).differences).toEqual([]);
});

test("what a repair lets rest, the pool does not give", async () => {
  await using world_ = await world();
  const { harness } = world_;
  const { pools, state } = harness.engine.platform;
  const web = state.network(TENANT, claimName("web", "a").network);
  await damage(harness, { put: ["addresses/default/web/10.20.0.50", { identity: "ghost" }] });
  expect(kinds(await repair(harness))).toEqual(["address-without-claim address default/web/10.20.0.50"]);
  expect(web && pools.stateOf(web, IpAddress.parse("10.20.0.50"))).toBe("cooling");
});

describe("history", () => {
  test("that says that somebody has a free address is corrected", async () => {
    await using world_ = await world();
    const { harness } = world_;
    const claim = harness.getClaim("web", "a");
    await damage(harness, { delete: "claims/default/web/a" });
    for (const address of claim.addresses) await damage(harness, { delete: `addresses/default/web/${address}` });
    expect(kinds(await repair(harness))).toEqual([
      "ledger-differs address default/web/10.20.0.2",
      `ledger-differs address default/web/${claim.addresses[1]}`,
    ]);
    expect((await history(harness, "10.20.0.2")).at(-1)).toMatchObject({ event: "released", actor: "operator" });
    expect((await verify(harness)).differences).toEqual([]);
  });

  test("that does not say who has an address is corrected", async () => {
    await using world_ = await world();
    const { harness } = world_;
    const claim = harness.getClaim("web", "a");
    await harness.engine.nouns.claims.release(claimName("web", "a"), OPERATOR);
    await damage(harness, { put: ["claims/default/web/a", claim] });
    for (const address of claim.addresses) {
      await damage(harness, { put: [`addresses/default/web/${address}`, { identity: "a" }] });
      await damage(harness, { delete: `cooling/default/web/${address}` });
    }
    const differences = await repair(harness);
    expect(new Set(differences.map(({ kind }) => kind))).toContain("ledger-differs");
    expect((await history(harness, "10.20.0.2")).at(-1)).toMatchObject({ event: "claimed", actor: "operator" });
    expect((await verify(harness)).differences).toEqual([]);
  });
});

describe("what is kept of a loss", () => {
  test("goes when its node does not have the endpoint any more, seen twice", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    h1.has("e1");
    await harness.engine.nouns.endpoints.delete("e1", OPERATOR);
    h1.endpoints.clear();
    expect(kinds(await repair(harness))).toEqual(["settled-loss lost endpoint e1 on h1"]);
    expect(harness.engine.platform.state.superseded.size).toBe(0);
  });

  test("stays while the interface is on the wire", async () => {
    await using world_ = await world();
    const { harness, h1 } = world_;
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
    await harness.engine.nouns.endpoints.delete("e1", OPERATOR);
    h1.strays = [{ endpoint: "e1", interface: "hfp1" }];
    await repair(harness);
    expect(harness.engine.platform.state.superseded.size).toBe(1);
  });
});

describe("a round", () => {
  test("of one tenant, network or node looks nowhere else, and what it did not look at keeps its first look", async () => {
    await using world_ = await world();
    const { harness } = world_;
    await harness.network("db", { subnets: [{ prefix: "10.30.0.0/24" }] });
    await ReportingNode.start(harness, "h2");
    await harness.reserve("h1", { endpoint: "e1", network: "web" });
    await harness.reserve("h2", { endpoint: "e2", network: "db" });
    await verify(harness);
    await pass(harness);
    const objects = async (extent: Extent) => (await verify(harness, extent)).differences.map(({ object }) => object);
    const { network } = claimName("db", "x");
    expect(await objects({ tenant: TENANT, network })).toEqual(["endpoint e2"]);
    expect(await objects({ node: (await ReportingNode.start(harness, "h2")).name })).toEqual(["endpoint e2"]);
    expect((await verify(harness)).differences).toMatchObject([
      { object: "endpoint e1", observations: 2, proven: true },
      { object: "endpoint e2", observations: 4, proven: true },
    ]);
  });

  test("of what is not there is refused", async () => {
    await using world_ = await world();
    const { harness } = world_;
    const { name: node } = await ReportingNode.start(harness, "h2");
    const how = { fix: false, actor: "operator", share: 1, signal: AbortSignal.timeout(1000) };
    const { verifier } = harness.engine.nouns;
    expect(() => verifier.round({ tenant: TENANT, network: node }, how)).toThrow(/there is no network h2/);
    expect(() => verifier.round({ tenant: node }, how)).toThrow(/there is no tenant h2/);
    expect(() => verifier.round({ node: TENANT }, how)).toThrow(/there is no node default/);
  });

  test("that somebody leaves does not keep the next one waiting", async () => {
    await using world_ = await world();
    const { harness } = world_;
    const how = { fix: false, actor: "operator", share: 1, signal: AbortSignal.timeout(1000) };
    for await (const message of harness.engine.nouns.verifier.round({}, how)) if (message.kind !== "progress") break;
    for await (const { kind } of harness.engine.nouns.verifier.round({}, how)) if (kind === "progress") break;
    expect((await verify(harness)).differences).toEqual([]);
  });
});

describe("the job", () => {
  const options = { gc: true, gcInterval: 300_000, gcGrace: GRACE };

  test("reclaims by itself, after two looks", async () => {
    await using world_ = await world({ options });
    const { harness } = world_;
    await harness.reserve("h1", { endpoint: "e1", network: "web" });
    // Heard of all the time.
    for (let minute = 0; minute < 8; minute++) await pass(harness, 30_000);
    expect(harness.engine.platform.state.endpoints.size).toBe(1);
    for (let minute = 0; minute < 6; minute++) await pass(harness, 30_000);
    expect(harness.engine.platform.state.endpoints.size).toBe(0);
    const events = await history(harness, "10.20.0.4");
    expect(events.find(({ event }) => event === "reclaimed")).toMatchObject({ actor: "controller/gc" });
    expect(String(harness.engine.metrics)).toContain('differences_repaired_total{kind="endpoint-missing"} 1');
    expect((await harness.store.list("leaders/")).entries).toEqual([]);
  });

  test("does nothing when it is switched off, or another controller does it", async () => {
    for (const gc of [false, true]) {
      await using world_ = await world({ options: { ...options, gc } });
      const { harness } = world_;
      await harness.reserve("h1", { endpoint: "e1", network: "web" });
      if (gc) await damage(harness, { put: ["leaders/collector", {}] });
      for (let minute = 0; minute < 30; minute++) await pass(harness, 30_000);
      expect(harness.engine.platform.state.endpoints.size).toBe(1);
    }
  });
});
