import { HoldfastError, Name } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import { type BulkResults, newClaimsSchema, releasesSchema } from "@holdfast/model";
import { openMemoryStore, type Store } from "@holdfast/store";
import { storeWith } from "@holdfast/store/testing";
import { describe, expect, test } from "vitest";
import type { Caller } from "../state/change.ts";
import { claimName, dump, type EngineHarness, OPERATOR, startEngine, TENANT } from "../testing/engine-harness.ts";
import { refusal } from "../testing/refusal.ts";

const WEB = Name.parse("web");

function create(harness: EngineHarness, body: object, caller: Caller = OPERATOR): Promise<BulkResults> {
  return harness.engine.nouns.bulk.create(TENANT, WEB, newClaimsSchema.parse(body), caller);
}

function release(harness: EngineHarness, body: object): Promise<BulkResults> {
  return harness.engine.nouns.bulk.release(TENANT, WEB, releasesSchema.parse(body), OPERATOR);
}

/** `"a 10.20.0.2"` or `"b address_in_use"` or `"c skipped"`. */
function lines({ results }: BulkResults): string[] {
  return results.map((one) => {
    if (one.outcome === "done") return `${one.claim.identity} ${one.claim.addresses.join(" ")}`;
    return `${one.identity} ${one.outcome === "refused" ? one.problem.code : one.outcome}`;
  });
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => ({ identity: `r-${index}` }));

describe("many claims in one request", () => {
  test("each for itself: what can be done is done, with one result per item in its order", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.claim("web", "b", { addresses: ["10.20.0.9"] });
    const items = [
      { identity: "a" },
      { identity: "b" },
      { identity: "c", addresses: ["10.20.0.9"] },
      { identity: "d", subnet: "10.99.0.0/24" },
      { identity: "e", retention: { kind: "sticky", ttlSeconds: 60 } },
    ];
    const answer = await create(harness, { mode: "each", items });
    expect(lines(answer)).toEqual([
      "a 10.20.0.2",
      "b already_exists",
      "c address_in_use",
      "d invalid_argument",
      "e 10.20.0.3",
    ]);
    expect(answer).toMatchObject({ dryRun: false, done: 2, refused: 3, skipped: 0 });
    expect(answer.results[3]).toMatchObject({ problem: { field: "subnet", detail: expect.stringContaining("10.99") } });
    expect(answer.results[0]).toEqual({ outcome: "done", claim: harness.getClaim("web", "a") });
    expect(answer.results[4]).toEqual({ outcome: "done", claim: harness.getClaim("web", "e") });
  });

  test("all or nothing: one refused item undoes all, in the store and in the pool", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.claim("web", "b", { addresses: ["10.20.0.9"] });
    const before = await dump(harness.store);
    const answer = await create(harness, { items: [...numbered(3), { identity: "b" }, { identity: "z" }] });
    expect(lines(answer)).toEqual(["r-0 skipped", "r-1 skipped", "r-2 skipped", "b already_exists", "z skipped"]);
    expect(answer).toMatchObject({ done: 0, refused: 1, skipped: 4 });
    expect(await dump(harness.store)).toBe(before);
    expect(lines(await create(harness, { items: numbered(3) }))).toEqual([
      "r-0 10.20.0.2",
      "r-1 10.20.0.3",
      "r-2 10.20.0.4",
    ]);
  });

  test("a refused item keeps nothing of what it had got", async () => {
    await using harness = await startEngine();
    const ranges = [{ first: "fd00:20::2", last: "fd00:20::2" }];
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/24" }, { prefix: "fd00:20::/64", ranges }] });
    const answer = await create(harness, { mode: "each", items: numbered(3) });
    expect(lines(answer)).toEqual(["r-0 10.20.0.2 fd00:20::2", "r-1 pool_exhausted", "r-2 pool_exhausted"]);
    expect(lines(await create(harness, { items: [{ identity: "v4", subnet: "10.20.0.0/24" }] }))).toEqual([
      "v4 10.20.0.3",
    ]);
  });

  test("takes exact addresses before it chooses any", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    const items = [{ identity: "a" }, { identity: "b", addresses: ["10.20.0.2"] }];
    expect(lines(await create(harness, { items }))).toEqual(["a 10.20.0.3", "b 10.20.0.2"]);
  });

  test("refuses the second of two items that want the same, naming the first", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    const items = [
      { identity: "a", addresses: ["10.20.0.7"] },
      { identity: "a" },
      { identity: "b", addresses: ["10.20.0.7"] },
    ];
    const answer = await create(harness, { mode: "each", items });
    expect(lines(answer)).toEqual(["a 10.20.0.7", "a invalid_argument", "b invalid_argument"]);
    expect(answer.results[2]).toMatchObject({
      problem: { field: "addresses.0", detail: expect.stringContaining("item 0 of the request") },
    });
  });

  test.each(["all", "each"])("tried out in mode %s, it says what would be done and does nothing", async (mode) => {
    await using harness = await startEngine();
    await harness.network("web");
    const before = await dump(harness.store);
    const tried = await create(harness, { mode, dryRun: true, items: numbered(1200) });
    expect(tried).toMatchObject({ dryRun: true, done: mode === "all" ? 0 : 253, refused: 947 });
    expect(await dump(harness.store)).toBe(before);
    expect(lines(await create(harness, { mode, dryRun: true, items: numbered(2) }))).toEqual([
      "r-0 10.20.0.2",
      "r-1 10.20.0.3",
    ]);
    expect(lines(await create(harness, { mode, items: numbered(2) }))).toEqual(["r-0 10.20.0.2", "r-1 10.20.0.3"]);
  });

  test("all of 10,000 is one commit", { timeout: 60_000 }, async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: [{ prefix: "10.16.0.0/12" }] });
    const before = await harness.store.revision();
    expect(await create(harness, { items: numbered(10_000) })).toMatchObject({ done: 10_000 });
    expect(await harness.store.revision()).toBe(before + 1);
  });

  test("is answered again under its key, also when the first try broke off halfway", async () => {
    const clock = new ManualClock();
    const memory = openMemoryStore({ clock });
    let commits = 0;
    let breakAt = Number.POSITIVE_INFINITY;
    const store: Store = breaking(memory, () => ++commits === breakAt);
    await using harness = await startEngine({ store, clock });
    await harness.network("web", { subnets: [{ prefix: "10.16.0.0/12" }] });
    const caller = { ...OPERATOR, idempotency: { route: "createClaims", key: "k", fingerprint: "f" } };
    const body = { mode: "each", items: numbered(1200) };
    breakAt = commits + 2;
    expect((await refusal(create(harness, body, caller))).code).toBe("unavailable");
    expect((await memory.list("claims/")).entries).toHaveLength(500);
    const again = await create(harness, body, caller);
    expect(again).toMatchObject({ done: 1200, refused: 0 });
    expect(await create(harness, body, caller)).toEqual(again);
  });

  test("refuses only after it has seen what another controller has done", async () => {
    const clock = new ManualClock();
    const memory = openMemoryStore({ clock });
    const late = lagging(memory);
    await using first = await startEngine({ store: memory, clock });
    await first.network("web");
    await first.claim("web", "a");
    await using second = await startEngine({ store: late.store, clock });
    late.hold();
    await first.engine.nouns.claims.release(claimName("web", "a"), OPERATOR);
    const answer = create(second, { mode: "each", items: [{ identity: "a" }, { identity: "b" }] });
    setImmediate(late.goOn);
    expect(await answer).toMatchObject({ done: 2, refused: 0 });
  });

  test("stays within the tenant's quota, its own items counted", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    await harness.engine.nouns.tenants.update(TENANT, { quotas: { claims: 3 } }, OPERATOR);
    const answer = await create(harness, { mode: "each", items: numbered(5) });
    expect(lines(answer).slice(2)).toEqual(["r-2 10.20.0.4", "r-3 quota_exceeded", "r-4 quota_exceeded"]);
    expect(await create(harness, { items: [{ identity: "x" }] })).toMatchObject({ done: 0, refused: 1 });
  });

  test("in a network that is not there is refused as a whole", async () => {
    await using harness = await startEngine();
    expect((await refusal(create(harness, { items: numbered(1) }))).code).toBe("not_found");
    expect((await refusal(release(harness, { items: numbered(1) }))).code).toBe("not_found");
  });
});

describe("many releases in one request", () => {
  async function threeClaims(): Promise<EngineHarness> {
    const harness = await startEngine();
    await harness.network("web");
    await harness.node("h1");
    for (const identity of ["a", "b", "c"]) await harness.claim("web", identity);
    await harness.reserve("h1", { endpoint: "e1", network: "web", identity: "b" });
    return harness;
  }

  test("each for itself: bound, changed and absent ones are refused", async () => {
    await using harness = await threeClaims();
    const { revision } = harness.getClaim("web", "c");
    const items = [
      { identity: "a" },
      { identity: "b" },
      { identity: "c", revision: revision - 1 },
      { identity: "d" },
      { identity: "a" },
    ];
    expect(lines(await release(harness, { mode: "each", items }))).toEqual([
      "a 10.20.0.2",
      "b claim_bound",
      "c precondition_failed",
      "d not_found",
      "a invalid_argument",
    ]);
    expect((await harness.store.list("claims/")).entries).toHaveLength(2);
    expect((await harness.store.list("ledger/default/web/10.20.0.2/")).entries).toHaveLength(2);
    expect(lines(await release(harness, { items: [{ identity: "c", revision }] }))).toEqual(["c 10.20.0.4"]);
  });

  test("all or nothing, and tried out", async () => {
    await using harness = await threeClaims();
    const before = await dump(harness.store);
    expect(lines(await release(harness, { items: [{ identity: "a" }, { identity: "b" }] }))).toEqual([
      "a skipped",
      "b claim_bound",
    ]);
    const tried = await release(harness, { mode: "each", dryRun: true, items: [{ identity: "a" }, { identity: "b" }] });
    expect(tried).toMatchObject({ dryRun: true, done: 1, refused: 1 });
    expect(await dump(harness.store)).toBe(before);
  });
});

/** A store on which a commit fails when `breaks` says so. */
function breaking(store: Store, breaks: () => boolean): Store {
  return storeWith(store, {
    commit(transaction) {
      if (breaks()) return Promise.reject(new HoldfastError("unavailable", "the disk is full"));
      return store.commit(transaction);
    },
  });
}

/** A store whose changes are held back for a while. */
function lagging(store: Store) {
  let open = Promise.withResolvers<void>();
  open.resolve();
  const lagged = storeWith(store, {
    async *watch(prefix, options) {
      for await (const batch of store.watch(prefix, options)) {
        await open.promise;
        yield batch;
      }
    },
  });
  return {
    store: lagged,
    hold: () => {
      open = Promise.withResolvers<void>();
    },
    goOn: () => open.resolve(),
  };
}

describe("a request for too many addresses together", () => {
  const many = Array.from({ length: 700 }, (_, index) => ({ identity: `m-${index}`, count: 16 }));

  test("is refused before anything is done, counting what families and ranges make of it", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/16" }, { prefix: "fd00:20::/64" }] });
    const before = await dump(harness.store);
    for (const mode of ["all", "each"]) {
      const refused = await refusal(create(harness, { mode, items: many }));
      expect(refused).toMatchObject({ code: "invalid_argument", details: { field: "items" } });
      expect(refused.message).toBe(
        "the items ask for 22400 addresses together, and 20000 is the most for one request; make several",
      );
    }
    const exact = many.map(({ identity }) => ({ identity, addresses: Array(32).fill("10.20.0.9") }));
    expect((await refusal(create(harness, { mode: "each", items: exact }))).code).toBe("invalid_argument");
    expect(await dump(harness.store)).toBe(before);
    const narrow = many.map((item) => ({ ...item, subnet: "10.20.0.0/16" }));
    expect(await create(harness, { items: narrow, dryRun: true })).toMatchObject({ done: 700 });
  });

  test("is refused, too, when they are to be given back", async () => {
    await using harness = await startEngine();
    await harness.network("web", { subnets: [{ prefix: "10.20.0.0/16" }, { prefix: "fd00:20::/64" }] });
    await create(harness, { items: many.slice(0, 350) });
    await create(harness, { items: many.slice(350) });
    const before = await dump(harness.store);
    const items = many.map(({ identity }) => ({ identity }));
    const refused = await refusal(release(harness, { mode: "each", items }));
    expect(refused.message).toContain("the claims have 22400 addresses together");
    expect(await dump(harness.store)).toBe(before);
    expect(await release(harness, { items: items.slice(0, 350) })).toMatchObject({ done: 350 });
  });
});
