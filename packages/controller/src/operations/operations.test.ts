import { HoldfastError, Name } from "@holdfast/core";
import { type BulkResults, newClaimSchema, newClaimsSchema, operationSchema } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import type { NoteProgress } from "../state/change.ts";
import { type EngineHarness, OPERATOR, settled, startEngine, TENANT } from "../testing/engine-harness.ts";
import { refusal } from "../testing/refusal.ts";
import { type ServerHarness, startServer } from "../testing/server-harness.ts";
import { createOperationRecords, type StoredRequest } from "./operation-records.ts";
import { createOperations, type Perform } from "./operations.ts";

const LATER = { prefer: "respond-async" };
const NETWORK = { name: "web", kind: "vlan", subnets: [{ prefix: "10.20.0.0/24" }] };
const CLAIMS = "/v1/tenants/default/networks/web/claims";

async function withNetwork(): Promise<ServerHarness> {
  const server = await startServer();
  await server.call("POST", "/v1/tenants/default/networks", NETWORK);
  return server;
}

describe("a request with Prefer: respond-async", () => {
  test("is answered with an operation that ends with what the request would have been answered with", async () => {
    await using server = await withNetwork();
    const accepted = await server.call("POST", CLAIMS, { identity: "a" }, LATER);
    expect([accepted.status, accepted.headers.get("preference-applied")]).toEqual([202, "respond-async"]);
    const operation = operationSchema.parse(accepted.json);
    expect(accepted.headers.get("location")).toBe(`/v1/operations/${operation.id}`);
    expect(operation).toMatchObject({ operation: "createClaim", tenant: "default", path: CLAIMS, state: "pending" });
    const ended = await server.call("GET", `/v1/operations/${operation.id}?wait=10`);
    expect(operationSchema.parse(ended.json)).toMatchObject({ state: "done", result: { addresses: ["10.20.0.2"] } });
    expect(ended.json.result).toEqual((await server.call("GET", `${CLAIMS}/a`)).json);
    for (const collection of ["operation-requests/", "operation-unfinished/"]) {
      expect((await server.store.list(collection)).entries).toEqual([]);
    }
    server.clock.advance(26 * 3_600_000);
    await expect.poll(async () => (await server.store.list("operation-results/")).entries).toEqual([]);
  });

  test("that cannot be done fails with the problem that it would have been answered with", async () => {
    await using server = await withNetwork();
    await server.call("POST", CLAIMS, { identity: "a" });
    const { json } = await server.call("POST", CLAIMS, { identity: "a" }, LATER);
    const ended = await server.call("GET", `/v1/operations/${json.id}?wait=10`);
    expect(ended.json).toMatchObject({ state: "failed", problem: { code: "already_exists", status: 409 } });
  });

  test("that is not understood is refused at once, and nothing is accepted", async () => {
    await using server = await withNetwork();
    expect((await server.call("POST", CLAIMS, { identity: 7 }, LATER)).status).toBe(400);
    expect((await server.store.list("operations/")).entries).toEqual([]);
  });

  test("and an idempotency key is one operation, however often it comes; without the preference the key is another's", async () => {
    await using server = await withNetwork();
    const once = { ...LATER, "idempotency-key": "k" };
    const first = await server.call("POST", CLAIMS, { identity: "a" }, once);
    await server.call("GET", `/v1/operations/${first.json.id}?wait=10`);
    const again = await server.call("POST", CLAIMS, { identity: "a" }, once);
    expect([again.status, again.json.id]).toEqual([202, first.json.id]);
    expect((await server.store.list("operations/")).entries).toHaveLength(1);
  });

  test("does bulk requests, too", async () => {
    await using server = await withNetwork();
    const items = Array.from({ length: 20 }, (_, index) => ({ identity: `b-${index}` }));
    const path = "/v1/tenants/default/networks/web/bulk/claims";
    const { json } = await server.call("POST", path, { items }, LATER);
    const ended = await server.call("GET", `/v1/operations/${json.id}?wait=10`);
    expect(ended.json).toMatchObject({ state: "done", result: { done: 20 } });
  });

  test("that is tried out, or refused as a whole, says so in its progress and its results", async () => {
    await using server = await withNetwork();
    await server.call("POST", CLAIMS, { identity: "taken" });
    const path = "/v1/tenants/default/networks/web/bulk/claims";
    const items = [{ identity: "taken" }, { identity: "b" }];
    for (const [terms, progress] of [
      [
        { mode: "each", dryRun: true },
        { total: 2, done: 1, refused: 1, skipped: 0 },
      ],
      [{ mode: "all" }, { total: 2, done: 0, refused: 1, skipped: 1 }],
    ] as const) {
      const { json } = await server.call("POST", path, { ...terms, items }, LATER);
      const ended = (await server.call("GET", `/v1/operations/${json.id}?wait=10`)).json;
      expect(ended).toMatchObject({ state: "done", progress });
      const results = await server.call("GET", `/v1/operations/${json.id}/results`);
      expect(results.json).toEqual({ items: ended.result.results });
    }
    const { json } = await server.call("POST", CLAIMS, { identity: "one" }, LATER);
    expect(json.progress).toBeUndefined();
    expect((await server.call("GET", `/v1/operations/${json.id}/results`)).json).toEqual({ items: [] });
    expect((await server.call("GET", "/v1/operations/op-none/results")).status).toBe(404);
  });

  test("is listed, as filtered, and watched", async () => {
    await using server = await withNetwork();
    const { json } = await server.call("POST", CLAIMS, { identity: "a" }, LATER);
    await server.call("GET", `/v1/operations/${json.id}?wait=10`);
    const listed = await server.call("GET", "/v1/operations?tenant=default&state=done");
    expect(listed.json.items).toMatchObject([{ id: json.id, state: "done" }]);
    // It may be large.
    expect(listed.json.items[0].result).toBeUndefined();
    expect((await server.call("GET", "/v1/operations?state=failed")).json.items).toEqual([]);
    expect((await server.call("GET", "/v1/operations/op-none")).status).toBe(404);
  });
});

/** Operations over an engine, run by the test. */
function operationsOf({ engine }: EngineHarness, nonce: string) {
  const operations = createOperations(engine.platform, nonce);
  let stopping = new AbortController();
  const create: Perform = async ({ request }, caller) =>
    engine.nouns.claims.create(TENANT, Name.parse("web"), newClaimSchema.parse(request.body), caller);
  return {
    operations,
    create,
    accept: (identity: string) => {
      const request = { params: { tenant: TENANT, network: "web" }, query: {}, body: { identity } };
      const stored: StoredRequest = { route: "createClaim", request, caller: OPERATOR };
      return operations.accept({ ...stored, path: CLAIMS }, OPERATOR);
    },
    run: async (perform: Perform = create) => {
      stopping = new AbortController();
      const job = operations.run(perform, stopping.signal);
      await settled(engine);
      return async () => {
        stopping.abort();
        await job;
      };
    },
  };
}

describe("an operation", () => {
  test("that is pending is cancelled, and not done", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    const { operations, accept, run } = operationsOf(harness, "one");
    const { id } = await accept("a");
    expect(await operations.cancel(id)).toMatchObject({ state: "cancelled" });
    expect(await operations.cancel(id)).toMatchObject({ state: "cancelled" });
    const stop = await run();
    expect((await harness.store.list("claims/")).entries).toEqual([]);
    const { id: other } = await accept("b");
    expect(await operations.wait(other, 1000)).toMatchObject({ state: "done" });
    expect((await refusal(operations.cancel(other))).code).toBe("conflict");
    await stop();
  });

  test("whose controller died before it began is done by the next", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    const { id } = await operationsOf(harness, "one").accept("a");
    const next = operationsOf(harness, "two");
    const stop = await next.run();
    expect(await next.operations.get(id)).toMatchObject({ state: "done" });
    await stop();
  });

  test("whose controller died after the work and before noting it is done once, and says so", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    const first = operationsOf(harness, "one");
    const { id } = await first.accept("a");
    const stopFirst = await first.run(async (request, caller) => {
      await first.create(request, caller);
      return new Promise(() => {});
    });
    expect(await first.operations.get(id)).toMatchObject({ state: "running" });
    const second = operationsOf(harness, "two");
    const stop = await second.run();
    const ended = await second.operations.get(id);
    expect(ended).toMatchObject({ state: "done", result: { identity: "a", addresses: ["10.20.0.2"] } });
    expect((await harness.store.list("claims/")).entries).toHaveLength(1);
    await stop();
    expect(stopFirst).toBeDefined();
  });

  test("is not changed on the strength of what it was before", async () => {
    await using harness = await startEngine();
    const { accept } = operationsOf(harness, "one");
    const pending = await accept("a");
    const { store, idempotency } = harness.engine.platform;
    const records = createOperationRecords(store, idempotency);
    expect(await records.change(pending, { ...pending, state: "running" })).toBeDefined();
    expect(await records.change(pending, { ...pending, state: "cancelled" })).toBeUndefined();
    expect(await records.get(pending.id)).toMatchObject({ state: "running" });
  });

  describe("with many items", () => {
    const items = Array.from({ length: 1200 }, (_, index) => ({ identity: index === 7 ? "taken" : `b-${index}` }));
    const body = newClaimsSchema.parse({ mode: "each", items });
    const path = "/v1/tenants/default/networks/web/bulk/claims";
    const stored: StoredRequest = {
      route: "createClaims",
      request: { params: { tenant: TENANT, network: "web" }, query: {}, body },
      caller: OPERATOR,
    };

    async function accepted() {
      const harness = await startEngine();
      await harness.network("web", { subnets: [{ prefix: "10.20.0.0/16" }] });
      await harness.claim("web", "taken");
      const first = operationsOf(harness, "one");
      const operation = await first.operations.accept({ ...stored, path }, OPERATOR);
      const create: Perform = (_, caller) => harness.engine.nouns.bulk.create(TENANT, Name.parse("web"), body, caller);
      return { harness, first, operation, create, [Symbol.asyncDispose]: () => harness[Symbol.asyncDispose]() };
    }

    /** The store is away from this many items on. */
    const until = (create: Perform, most: number): Perform => {
      return (request, caller) => {
        const progress: NoteProgress = (draft, now) => {
          if (now.done + now.refused > most) throw new HoldfastError("unavailable", "the store is away");
          caller.progress?.(draft, now);
        };
        return create(request, { ...caller, progress });
      };
    };

    test("says how far it has got, what has become of each so far, and goes on from there when its controller has died", async () => {
      await using world = await accepted();
      const { harness, first, operation, create } = world;
      expect(operation.progress).toEqual({ total: 1200, done: 0, refused: 0, skipped: 0 });
      expect(await first.operations.results(operation.id, 0)).toEqual({ items: [], continue: "0" });
      await first.run(until(create, 500));
      const halfway = await first.operations.get(operation.id);
      expect(halfway).toMatchObject({ state: "running", progress: { total: 1200, done: 499, refused: 1, skipped: 0 } });
      const some = await first.operations.results(operation.id, 0);
      expect([some.items.length, some.continue]).toEqual([500, "500"]);
      expect(await first.operations.results(operation.id, 500)).toEqual({ items: [], continue: "500" });
      const second = operationsOf(harness, "two");
      const stop = await second.run(create);
      const ended = await second.operations.get(operation.id);
      expect(ended).toMatchObject({ state: "done", progress: { total: 1200, done: 1199, refused: 1, skipped: 0 } });
      const pages = [0, 500, 1000].map((from) => second.operations.results(operation.id, from));
      const all = await Promise.all(pages);
      expect(all.map((page) => page.continue)).toEqual(["500", "1000", undefined]);
      expect(all.flatMap((page) => page.items)).toEqual((ended.result as BulkResults).results);
      expect(all[0]?.items[0]).toMatchObject({ outcome: "done", claim: { revision: halfway.revision } });
      await stop();
    });

    test("wakes who waits for news of it with each step, and who waits for its end only with that", async () => {
      await using world = await accepted();
      const { first, operation, create } = world;
      const end = first.operations.wait(operation.id, 1000);
      const steps = [operation];
      const following = (async () => {
        for (let now = operation; now.finishedAt === undefined; steps.push(now)) {
          now = await first.operations.wait(operation.id, 1000, now.revision);
        }
      })();
      const stop = await first.run(create);
      await following;
      const done = steps.map(({ progress }) => (progress?.done ?? 0) + (progress?.refused ?? 0));
      expect(done).toEqual(done.toSorted((a, b) => a - b));
      expect(new Set(done).size).toBeGreaterThan(2);
      expect(await end).toMatchObject({ state: "done" });
      await stop();
    });

    test("stays ended when another controller is still at it", async () => {
      await using world = await accepted();
      const { harness, first, operation, create } = world;
      let late: NoteProgress | undefined;
      const stop = await first.run((request, caller) => {
        late = caller.progress;
        return create(request, caller);
      });
      const ended = await first.operations.get(operation.id);
      expect(ended.state).toBe("done");
      const { changer } = harness.engine.platform;
      const again = changer.change((draft) => {
        late?.(draft, { total: 1200, done: 5, refused: 0, skipped: 0 });
        return undefined;
      });
      expect((await refusal(again)).code).toBe("conflict");
      expect(await first.operations.get(operation.id)).toEqual(ended);
      await stop();
    });
  });

  test("that is refused because another controller has just done it is done", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    const { operations, accept, create, run } = operationsOf(harness, "one");
    const { id } = await accept("a");
    let tries = 0;
    const stop = await run(async (request, caller) => {
      const claim = await create(request, caller);
      if (tries++ === 0) throw new HoldfastError("already_exists", "a has a claim");
      return claim;
    });
    expect(await operations.get(id)).toMatchObject({ state: "done", result: { identity: "a" } });
    await stop();
  });

  test("that another controller is running is left to it, until nothing has come of it for a round", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    const second = operationsOf(harness, "two");
    const stop = await second.run();
    const first = operationsOf(harness, "one");
    const { id } = await first.accept("a");
    await first.run(() => new Promise(() => {}));
    await harness.advance(60_000);
    expect(await second.operations.get(id)).toMatchObject({ state: "running" });
    await harness.advance(60_000);
    expect(await second.operations.get(id)).toMatchObject({ state: "done" });
    await stop();
  });

  test("is tried again while the store cannot be reached", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    const { operations, accept, create, run } = operationsOf(harness, "one");
    const { id } = await accept("a");
    let tries = 0;
    const stop = await run(async (request, caller) => {
      if (tries++ === 0) throw new HoldfastError("unavailable", "the store is away");
      return create(request, caller);
    });
    expect(await operations.get(id)).toMatchObject({ state: "running" });
    await harness.advance(1000);
    expect(await operations.get(id)).toMatchObject({ state: "done" });
    await stop();
  });

  test("is one too many when a thousand of its tenant are pending", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    const { accept } = operationsOf(harness, "one");
    await Promise.all(Array.from({ length: 1000 }, (_, index) => accept(`i${index}`)));
    expect(await refusal(accept("more"))).toMatchObject({
      code: "too_many_requests",
      details: { retryAfterSeconds: 5 },
    });
  });
});
