import { PassThrough } from "node:stream";
import { Identity, Name } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import {
  type BoundEndpoint,
  type NodeFeedMessage,
  newClaimSchema,
  newClaimsSchema,
  newGroupSchema,
  newQosProfileSchema,
  qosProfilePatchSchema,
} from "@holdfast/model";
import { openMemoryStore, type Store } from "@holdfast/store";
import { describe, expect, test } from "vitest";
import { claimName, dump, OPERATOR, settled, startEngine, TENANT } from "../testing/engine-harness.ts";

const name = (text: string) => Name.parse(text);

async function start() {
  const harness = await startEngine();
  await harness.network("web");
  for (const node of ["h1", "h2"]) await harness.node(node);
  const { nouns } = harness.engine;
  return {
    harness,
    nouns,
    [Symbol.asyncDispose]: () => harness.engine.stop(),
    profile: (profile: string, terms: object = {}) =>
      nouns.qosProfiles.create(TENANT, newQosProfileSchema.parse({ name: profile, ...terms }), OPERATOR),
    group: (group: string, body: object = {}) =>
      nouns.groups.create(TENANT, newGroupSchema.parse({ name: group, ...body }), OPERATOR),
    explain: (identity: string) =>
      nouns.qosChoice.explain({ tenant: TENANT, network: name("web"), identity: Identity.parse(identity) }),
    /** Gives what the node is told of its own endpoints since the last call. */
    listen: (node: string, qos = true) => {
      const output = new PassThrough();
      nouns.feeds.open(name(node), output, { policies: false, qos });
      return (): BoundEndpoint[] => {
        const lines = String(output.read() ?? "").split("\n");
        return lines
          .filter((line) => line !== "")
          .map((line) => JSON.parse(line) as NodeFeedMessage)
          .flatMap((message) => (message.kind === "endpoint" ? [message.endpoint] : []));
      };
    },
  };
}

const SLOW = { egress: { rate: "10Mbit" } };
const WEB = { selector: { matchLabels: { app: "web" } } };
const ratesOf = (told: readonly BoundEndpoint[]) => told.map(({ id, qos }) => [id, qos?.profile, qos?.egress?.rate]);

describe("a QoS profile", () => {
  test("guarantees nobody more than he may send, also after a change", async () => {
    await using started = await start();
    const terms = { egress: { rate: "10Mbit" }, guarantee: "20Mbit" };
    await expect(started.profile("p", terms)).rejects.toMatchObject({ details: { field: "guarantee" } });
    await started.profile("p", { ...terms, guarantee: "10Mbit" });
    const update = started.nouns.qosProfiles.update(TENANT, name("p"), { egress: { rate: "5Mbit" } }, OPERATOR);
    await expect(update).rejects.toMatchObject({ details: { field: "guarantee" } });
    const changed = await started.nouns.qosProfiles.update(TENANT, name("p"), { guarantee: null }, OPERATOR);
    expect(changed).toMatchObject({ egress: { rate: "10Mbit" } });
    expect(changed).not.toHaveProperty("guarantee");
  });

  test("that is not there is named by nobody", async () => {
    await using started = await start();
    const refusal = { code: "invalid_argument", details: { field: "qos" } };
    await expect(started.group("web", { qos: "p" })).rejects.toMatchObject(refusal);
    await expect(started.harness.claim("web", "a", { qos: name("p") })).rejects.toMatchObject(refusal);
    await started.group("web");
    const patch = { qos: name("p") };
    await expect(started.nouns.groups.update(TENANT, name("web"), patch, OPERATOR)).rejects.toMatchObject(refusal);
  });

  test("in use stays, and says who uses it", async () => {
    await using started = await start();
    await started.profile("p", SLOW);
    await started.group("web", { qos: "p" });
    await started.harness.claim("web", "a", { qos: name("p") });
    const remove = () => started.nouns.qosProfiles.delete(TENANT, name("p"), OPERATOR);
    await expect(remove()).rejects.toThrow("named by 1 group, e.g. web, and by 1 claim; change these first");
    await started.nouns.groups.update(TENANT, name("web"), { qos: null }, OPERATOR);
    await expect(remove()).rejects.toMatchObject({ code: "in_use", details: { groups: 0, claims: 1 } });
    await started.nouns.claims.update(claimName("web", "a"), { qos: null }, OPERATOR);
    await remove();
    expect(() => started.nouns.qosProfiles.get(TENANT, name("p"))).toThrow("there is no QoS profile p");
  });

  test("is named by many claims of one request", async () => {
    await using started = await start();
    await started.profile("p");
    const items = ["a", "b", "c"].map((identity) => newClaimSchema.parse({ identity, qos: "p" }));
    const body = newClaimsSchema.parse({ items });
    const { done } = await started.nouns.bulk.create(TENANT, name("web"), body, OPERATOR);
    expect(done).toBe(3);
    const remove = started.nouns.qosProfiles.delete(TENANT, name("p"), OPERATOR);
    await expect(remove).rejects.toMatchObject({ details: { groups: 0, claims: 3 } });
  });

  test("of a claim that is released is free to go", async () => {
    await using started = await start();
    await started.profile("p");
    await started.harness.claim("web", "a", { qos: name("p") });
    await started.nouns.claims.release(claimName("web", "a"), OPERATOR);
    await started.nouns.qosProfiles.delete(TENANT, name("p"), OPERATOR);
  });
});

/** Two commits that come after `meet` wait for each other: both are decided before either is made. */
function meetingStore(store: Store): { readonly store: Store; meet(): void } {
  let missing = 0;
  let both = Promise.withResolvers<void>();
  const commit: Store["commit"] = async (transaction) => {
    if (missing > 0) {
      missing -= 1;
      if (missing === 0) both.resolve();
      await both.promise;
    }
    return await store.commit(transaction);
  };
  return {
    store: new Proxy(store, {
      get: (target, name) => {
        if (name === "commit") return commit;
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }),
    meet() {
      missing = 2;
      both = Promise.withResolvers();
    },
  };
}

describe("two controllers at once", () => {
  async function startTwo() {
    const clock = new ManualClock();
    const { store, meet } = meetingStore(openMemoryStore({ clock }));
    const one = await startEngine({ store, clock });
    const other = await startEngine({ store, clock });
    await one.network("web");
    const body = newQosProfileSchema.parse({ name: "p", egress: { rate: "100Mbit" } });
    await one.engine.nouns.qosProfiles.create(TENANT, body, OPERATOR);
    await settled(other.engine);
    meet();
    return {
      one,
      other,
      async [Symbol.asyncDispose]() {
        await other.engine.stop();
        await one.engine.stop();
      },
    };
  }
  const orders = [
    ["one", "other"],
    ["other", "one"],
  ] as const;

  test.each(orders)("change one profile as if one after the other, begun by %s", async (first, second) => {
    await using two = await startTwo();
    const update = (which: "one" | "other", patch: object) =>
      two[which].engine.nouns.qosProfiles.update(TENANT, name("p"), qosProfilePatchSchema.parse(patch), OPERATOR);
    // Each is right by itself, and they are not together.
    const outcomes = await Promise.allSettled([
      update(first, { egress: { rate: "10Mbit" } }),
      update(second, { guarantee: "50Mbit" }),
    ]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    await settled(two.one.engine);
    const profiles = [two.one, two.other].map(({ engine }) => engine.nouns.qosProfiles.get(TENANT, name("p")));
    expect(profiles[0]).toEqual(profiles[1]);
    const [refused] = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(refused?.reason).toMatchObject({ details: { field: "guarantee" } });
  });

  test.each(orders)("keep both of two changes of one profile that go together, begun by %s", async (first, second) => {
    await using two = await startTwo();
    const update = (which: "one" | "other", patch: object) =>
      two[which].engine.nouns.qosProfiles.update(TENANT, name("p"), qosProfilePatchSchema.parse(patch), OPERATOR);
    await Promise.all([update(first, { dscp: 10 }), update(second, { connections: 7 })]);
    await settled(two.one.engine);
    expect(two.one.engine.nouns.qosProfiles.get(TENANT, name("p"))).toMatchObject({ dscp: 10, connections: 7 });
  });

  test.each(orders)("delete a profile or name it, and never both, begun by %s", async (first, second) => {
    await using two = await startTwo();
    const outcomes = await Promise.allSettled([
      two[first].engine.nouns.qosProfiles.delete(TENANT, name("p"), OPERATOR),
      two[second].claim("web", "a", { qos: name("p") }),
    ]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    const entries = await dump(two.one.store);
    const [isNamed, isThere] = [/"qos":"p"/.test(entries), /qos\S*\/p @/.test(entries)];
    expect(isNamed).toBe(isThere);
  });
});

describe("the profile of an endpoint", () => {
  test("is the claim's own, else that of the first of its groups by name", async () => {
    await using started = await start();
    for (const profile of ["p", "q", "own"]) await started.profile(profile);
    await started.group("zoo", { ...WEB, qos: "p" });
    await started.group("apes", { ...WEB, qos: "q" });
    await started.group("plain", WEB);
    await started.harness.claim("web", "a", { labels: { app: "web" } });
    expect(started.explain("a")).toMatchObject({
      profile: { name: "q" },
      by: { kind: "group", group: "apes" },
      passedOver: [{ profile: "p", by: { kind: "group", group: "zoo" } }],
    });
    await started.nouns.claims.update(claimName("web", "a"), { qos: name("own") }, OPERATOR);
    expect(started.explain("a")).toMatchObject({ profile: { name: "own" }, by: { kind: "claim" } });
    await started.harness.claim("web", "b");
    expect(started.explain("b")).toEqual({ passedOver: [] });
  });

  test("is told to its node, with every change that concerns it, and to no other", async () => {
    await using started = await start();
    await started.profile("p", SLOW);
    await started.group("web", { ...WEB, qos: "p" });
    for (const [node, identity, labels] of [
      ["h1", "a", { app: "web" }],
      ["h2", "b", {}],
    ] as const) {
      await started.harness.claim("web", identity, { labels });
      await started.harness.reserve(node, { endpoint: `e-${identity}`, network: "web", identity });
    }
    const [h1, h2] = [started.listen("h1"), started.listen("h2")];
    expect([ratesOf(h1()), ratesOf(h2())]).toEqual([[["e-a", "p", 10e6]], [["e-b", undefined, undefined]]]);
    const faster = { egress: { rate: "20Mbit" } };
    await started.nouns.qosProfiles.update(TENANT, name("p"), faster, OPERATOR);
    expect([ratesOf(h1()), h2()]).toEqual([[["e-a", "p", 20e6]], []]);
    await started.nouns.claims.update(claimName("web", "b"), { labels: { app: "web" } }, OPERATOR);
    expect([h1(), ratesOf(h2())]).toEqual([[], [["e-b", "p", 20e6]]]);
    await started.nouns.groups.update(TENANT, name("web"), { qos: null }, OPERATOR);
    expect([ratesOf(h1()), ratesOf(h2())]).toEqual([[["e-a", undefined, undefined]], [["e-b", undefined, undefined]]]);
    await started.group("plain", WEB);
    await started.nouns.claims.update(claimName("web", "b"), { retention: { kind: "reserved" } }, OPERATOR);
    expect([h1(), h2()]).toEqual([[], []]);
  });

  test("is nothing for an agent that does not ask", async () => {
    await using started = await start();
    await started.profile("p", SLOW);
    await started.harness.claim("web", "a", { qos: name("p") });
    await started.harness.reserve("h1", { endpoint: "e-a", network: "web", identity: "a" });
    expect(started.listen("h1", false)()).not.toHaveProperty("0.qos");
  });

  test("that a runtime names counts where the claim names none", async () => {
    await using started = await start();
    for (const profile of ["p", "own"]) await started.profile(profile);
    await started.harness.claim("web", "a");
    await started.harness.claim("web", "b", { qos: name("own") });
    const reserve = (endpoint: string, identity: string, qos: string) =>
      started.harness.reserve("h1", { endpoint, network: "web", identity, qos: name(qos) });
    await expect(reserve("e-0", "a", "none")).rejects.toMatchObject({ details: { field: "qos" } });
    expect((await reserve("e-a", "a", "p")).claim.qos).toBe("p");
    expect((await reserve("e-b", "b", "p")).claim.qos).toBe("own");
  });
});
