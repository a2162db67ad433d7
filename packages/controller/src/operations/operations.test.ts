import { HoldfastError, Name } from "@holdfast/core";
import { newClaimSchema, operationSchema } from "@holdfast/model";
import { describe, expect, test } from "vitest";
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
    expect((await server.store.list("operation-requests/")).entries).toEqual([]);
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

  test("is listed, as filtered, and watched", async () => {
    await using server = await withNetwork();
    const { json } = await server.call("POST", CLAIMS, { identity: "a" }, LATER);
    await server.call("GET", `/v1/operations/${json.id}?wait=10`);
    const listed = await server.call("GET", "/v1/operations?tenant=default&state=done");
    expect(listed.json.items).toMatchObject([{ id: json.id, state: "done" }]);
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
