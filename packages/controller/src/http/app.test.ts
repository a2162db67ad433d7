import { claimSchema, networkSchema, problemSchema, routes } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { dump } from "../testing/engine-harness.ts";
import { type ServerHarness, startServer } from "../testing/server-harness.ts";

const NETWORK = { name: "web", kind: "vlan", segment: 100, subnets: [{ prefix: "10.20.0.0/16" }] };
const NETWORKS = "/v1/tenants/default/networks";
const CLAIMS = `${NETWORKS}/web/claims`;

async function withNetwork(flags: Record<string, string> = {}): Promise<ServerHarness> {
  const server = await startServer({ flags });
  await server.call("POST", NETWORKS, NETWORK);
  return server;
}

describe("the REST API", () => {
  test("claims an address before any container exists", async () => {
    await using server = await withNetwork();
    const created = await server.call("POST", CLAIMS, { identity: "redis-0" });
    expect(created.status).toBe(201);
    const claim = claimSchema.parse(created.json);
    expect(claim.addresses).toEqual(["10.20.0.2"]);
    expect(created.headers.get("etag")).toBe(`"${claim.revision}"`);
    expect((await server.call("GET", `${CLAIMS}/redis-0`)).json).toEqual(created.json);
    expect((await server.call("DELETE", `${CLAIMS}/redis-0`)).status).toBe(204);
    expect((await server.call("GET", `${CLAIMS}/redis-0`)).status).toBe(404);
  });

  test("makes and releases 10,000 claims in one request", { timeout: 60_000 }, async () => {
    await using server = await withNetwork();
    const items = Array.from({ length: 10_000 }, (_, index) => ({
      identity: `redis-${index}`,
      labels: { team: "x".repeat(200) },
    }));
    const made = await server.call("POST", `${NETWORKS}/web/bulk/claims`, { items });
    expect(made.status).toBe(200);
    expect(routes.createClaims.reply.parse(made.json)).toMatchObject({ done: 10_000 });
    const named = items.map(({ identity }) => ({ identity }));
    const released = await server.call("POST", `${NETWORKS}/web/bulk/releases`, { mode: "each", items: named });
    expect(routes.releaseClaims.reply.parse(released.json)).toMatchObject({ done: 10_000 });
    const tooMany = await server.call("POST", `${NETWORKS}/web/bulk/claims`, { items: [...items, { identity: "z" }] });
    expect(tooMany).toMatchObject({ status: 400, json: { field: "items" } });
    const wrong = { items: [{ identity: "a" }, { identity: "b", addresses: ["10.20.0"] }] };
    const refused = await server.call("POST", `${NETWORKS}/web/bulk/claims`, wrong);
    expect(refused).toMatchObject({ status: 400, json: { field: "items.1.addresses.0" } });
  });

  test("answers a bulk request that comes again under its key as before", async () => {
    await using server = await withNetwork();
    const body = { mode: "each", items: [{ identity: "a" }, { identity: "b" }] };
    const first = await server.call("POST", `${NETWORKS}/web/bulk/claims`, body, { "idempotency-key": "k" });
    expect(first.json).toMatchObject({ done: 2 });
    const again = await server.call("POST", `${NETWORKS}/web/bulk/claims`, body, { "idempotency-key": "k" });
    expect(again.json).toEqual(first.json);
  });

  test("takes an identity with slashes as one part of the path", async () => {
    await using server = await withNetwork();
    await server.call("POST", CLAIMS, { identity: "prod/mysql-1" });
    expect((await server.call("GET", `${CLAIMS}/prod%2Fmysql-1`)).json.identity).toBe("prod/mysql-1");
    const listed = await server.call("GET", "/v1/claims?tenant=default&network=web");
    expect(listed.json.items).toHaveLength(1);
  });

  test("answers what its schemas describe", async () => {
    await using server = await withNetwork();
    await server.call("POST", CLAIMS, { identity: "a", labels: { env: "prod" } });
    await server.call("PUT", "/v1/nodes/h1", { version: "1.0", tunnelAddress: "192.0.2.1" });
    const body = { endpoint: "e1", tenant: "default", network: "web", identity: "a", workload: { runtime: "docker" } };
    const reserved = await server.call("POST", "/v1/nodes/h1/reservations", body);
    routes.reserve.reply.parse(reserved.json);
    const transitions = [{ phase: "binding", at: "2026-01-01T00:00:00.000Z", actor: "node/h1" }];
    const reported = await server.call("POST", "/v1/nodes/h1/reports", {
      reports: [{ endpoint: "e1", epoch: 1, transitions }],
    });
    expect(routes.report.reply.parse(reported.json).results).toEqual([{ endpoint: "e1", outcome: "done" }]);
    const gets = {
      listTenants: "/v1/tenants",
      getTenant: "/v1/tenants/default",
      listNetworks: "/v1/networks?tenant=default",
      getNetwork: `${NETWORKS}/web`,
      getNetworkUsage: `${NETWORKS}/web/usage`,
      getTenantUsage: "/v1/tenants/default/usage",
      listSubnets: `${NETWORKS}/web/subnets`,
      listClaims: "/v1/claims?node=h1&selector=env=prod",
      getClaim: `${CLAIMS}/a`,
      explainAddress: "/v1/ip/10.20.0.2",
      listEndpoints: "/v1/endpoints?node=h1&phase=binding",
      getEndpoint: "/v1/endpoints/e1",
      listNodes: "/v1/nodes",
      getNode: "/v1/nodes/h1",
    } as const;
    for (const [id, path] of Object.entries(gets)) {
      const answer = await server.call("GET", path);
      expect(answer.status, path).toBe(200);
      const parsed = routes[id as keyof typeof gets].reply.safeParse(answer.json);
      expect(parsed.error, path).toBeUndefined();
      if ("items" in answer.json) expect(answer.json.items, path).toHaveLength(1);
    }
  });

  test("pages lists in order, and says from where to watch", async () => {
    await using server = await withNetwork();
    for (const name of ["c", "a", "e", "b", "d"]) await server.call("POST", CLAIMS, { identity: name });
    const seen: string[] = [];
    let next = "";
    do {
      const { json } = await server.call("GET", `/v1/claims?limit=2${next}`);
      seen.push(...json.items.map((claim: { identity: string }) => claim.identity));
      expect(json.revision).toBe(7);
      next = json.continue === undefined ? "" : `&continue=${json.continue}`;
    } while (next !== "");
    expect(seen).toEqual(["a", "b", "c", "d", "e"]);
    const filtered = await server.call("GET", "/v1/claims?limit=2&selector=env=prod");
    expect(filtered.json).toEqual({ items: [], revision: 7 });
  });

  test("refuses a continue token of another list", async () => {
    await using server = await withNetwork();
    const token = Buffer.from("claims/x").toString("base64url");
    const answer = await server.call("GET", `/v1/networks?continue=${token}`);
    expect(answer.json).toMatchObject({ code: "invalid_argument", field: "continue" });
  });

  test("changes an object only at the revision of If-Match", async () => {
    await using server = await withNetwork();
    const { json } = await server.call("GET", `${NETWORKS}/web`);
    const stale = await server.call(
      "PATCH",
      `${NETWORKS}/web`,
      { mtu: 9000 },
      { "if-match": `"${json.revision - 1}"` },
    );
    expect(stale.status).toBe(412);
    expect(stale.json).toMatchObject({ code: "precondition_failed", details: { revision: json.revision } });
    const done = await server.call("PATCH", `${NETWORKS}/web`, { mtu: 9000 }, { "if-match": `"${json.revision}"` });
    expect(networkSchema.parse(done.json).mtu).toBe(9000);
    expect((await server.call("PATCH", `${NETWORKS}/web`, { mtu: 9000 }, { "if-match": "new" })).json.field).toBe(
      "If-Match",
    );
  });

  test("shows metrics, health and readiness", async () => {
    await using server = await withNetwork();
    await server.call("POST", CLAIMS, { identity: "a" });
    expect((await server.call("GET", "/healthz")).text).toBe("ok\n");
    expect((await server.call("GET", "/readyz")).text).toBe("ready\n");
    const { text } = await server.call("GET", "/metrics");
    expect(text).toContain('holdfast_controller_requests_total{route="createClaim",status="201"} 1\n');
    expect(text).toContain("holdfast_controller_claims 1\n");
    expect(text).toContain('holdfast_controller_request_seconds_count{route="createClaim"} 1\n');
    await server.store.close();
    const answer = await server.call("GET", "/readyz");
    expect([answer.status, answer.json.code]).toEqual([503, "unavailable"]);
  });
});

describe("a subnet in the path", () => {
  test("is one part of it, percent-encoded: drained, undrained, drained away", async () => {
    await using server = await withNetwork();
    const path = `${NETWORKS}/web/subnets/10.20.0.0%2F16`;
    const drained = await server.call("POST", `${path}/drain`, {});
    expect(networkSchema.parse(drained.json).subnets[0]?.draining).toMatchObject({ removeWhenEmpty: false });
    expect((await server.call("POST", CLAIMS, { identity: "a", addresses: ["10.20.0.9"] })).json).toMatchObject({
      code: "conflict",
      details: { reason: "draining" },
    });
    expect((await server.call("DELETE", `${path}/drain`)).json.subnets[0]).not.toHaveProperty("draining");
    const stale = await server.call("POST", `${path}/drain`, {}, { "if-match": '"1"' });
    expect(stale.status).toBe(412);
    expect((await server.call("DELETE", path)).json.subnets).toEqual([]);
  });
});

describe("quotas", () => {
  test("are set and lifted by name; bad ones name the field", async () => {
    await using server = await withNetwork();
    const set = (quotas: unknown) => server.call("PATCH", "/v1/tenants/default", { quotas });
    expect((await set({ addresses: 1 })).json.quotas).toEqual({ addresses: 1 });
    await server.call("POST", CLAIMS, { identity: "a" });
    const refused = await server.call("POST", CLAIMS, { identity: "b" });
    expect([refused.status, problemSchema.parse(refused.json)]).toMatchObject([
      409,
      { code: "quota_exceeded", details: { tenant: "default", quota: "addresses", limit: 1, used: 1, asked: 1 } },
    ]);
    expect((await set({ addresses: -1 })).json).toMatchObject({ code: "invalid_argument", field: "quotas.addresses" });
    expect((await set({ adresses: 1 })).json.code).toBe("invalid_argument");
    expect((await set({ addresses: null })).json).not.toHaveProperty("quotas");
    const metrics = await server.call("GET", "/metrics");
    expect(metrics.text).toContain('network_addresses{tenant="default",network="web",family="v4",state="held"} 1');
  });
});

describe("an idempotency key", () => {
  test("gives the first answer again, and makes nothing twice", async () => {
    await using server = await withNetwork();
    const key = { "idempotency-key": "k-1" };
    const first = await server.call("POST", CLAIMS, { identity: "a" }, key);
    const again = await server.call("POST", CLAIMS, { identity: "a" }, key);
    expect([again.status, again.text]).toEqual([first.status, first.text]);
    expect((await server.call("POST", CLAIMS, { identity: "a" })).status).toBe(409);
  });

  test("makes one of many requests at once", async () => {
    await using server = await withNetwork();
    const calls = Array.from({ length: 20 }, () =>
      server.call("POST", CLAIMS, { identity: "a" }, { "idempotency-key": "k" }),
    );
    const answers = await Promise.all(calls);
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(201);
  });

  test("with another request is a conflict", async () => {
    await using server = await withNetwork();
    const key = { "idempotency-key": "k-1" };
    await server.call("POST", CLAIMS, { identity: "a" }, key);
    expect((await server.call("POST", CLAIMS, { identity: "b" }, key)).json.code).toBe("conflict");
  });

  test("of two different requests at once serves one", async () => {
    await using server = await withNetwork();
    const calls = ["a", "b"].map((identity) => server.call("POST", CLAIMS, { identity }, { "idempotency-key": "k" }));
    const answers = await Promise.all(calls);
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([201, 409]);
    expect((await server.call("GET", "/v1/claims")).json.items).toHaveLength(1);
  });

  test("is good for a day", async () => {
    await using server = await withNetwork();
    const key = { "idempotency-key": "k-1" };
    await server.call("POST", CLAIMS, { identity: "a" }, key);
    server.clock.advance(24 * 3_600_000 - 1);
    expect((await server.call("POST", CLAIMS, { identity: "a" }, key)).status).toBe(201);
    server.clock.advance(3_600_002);
    await expect
      .poll(async () => (await server.call("POST", CLAIMS, { identity: "a" }, key)).json.code)
      .toBe("already_exists");
  });
});

describe("authentication", () => {
  const flags = { token: "a-secret-token" };

  test("asks for the token on everything but health and documentation", async () => {
    await using server = await startServer({ flags });
    for (const path of ["/v1/tenants", "/metrics", "/v1/watch"]) {
      const answer = await server.call("GET", path);
      expect([answer.status, answer.json.code]).toEqual([401, "unauthenticated"]);
      expect(answer.headers.get("www-authenticate")).toBe("Bearer");
    }
    for (const path of ["/healthz", "/readyz", "/docs", "/v1/openapi.json"]) {
      expect((await server.call("GET", path)).status).toBe(200);
    }
    expect((await server.call("GET", "/v1/tenants", undefined, { authorization: "Bearer wrong" })).status).toBe(401);
    const right = { authorization: "Bearer a-secret-token" };
    expect((await server.call("GET", "/v1/tenants", undefined, right)).status).toBe(200);
  });

  test("is demanded on an address that others can reach", async () => {
    const open = startServer({ flags: { listen: "0.0.0.0:0" } });
    await expect(open).rejects.toMatchObject({ code: "precondition_failed" });
    await using insecure = await startServer({ flags: { listen: "0.0.0.0:0", insecure: "true" } });
    expect((await insecure.call("GET", "/v1/tenants")).status).toBe(200);
  });
});

describe("a request that cannot be understood is refused with a problem, and changes nothing:", () => {
  const long = "x".repeat(1500);
  const cases: readonly [string, string, string, unknown, Record<string, string>, number, string, string?][] = [
    [
      "host bits",
      "POST",
      NETWORKS,
      { ...NETWORK, name: "b", segment: 7, subnets: [{ prefix: "10.30.0.1/16" }] },
      {},
      400,
      "invalid_argument",
      "subnets.0.prefix",
    ],
    ["an overlap", "POST", NETWORKS, { ...NETWORK, name: "b", segment: 7 }, {}, 409, "conflict", "subnets.0.prefix"],
    [
      "VLAN 4095",
      "POST",
      NETWORKS,
      { ...NETWORK, name: "b", segment: 4095, subnets: [] },
      {},
      400,
      "invalid_argument",
      "segment",
    ],
    [
      "VLAN 0",
      "POST",
      NETWORKS,
      { ...NETWORK, name: "b", segment: 0, subnets: [] },
      {},
      400,
      "invalid_argument",
      "segment",
    ],
    [
      "an MTU that IPv6 forbids",
      "POST",
      NETWORKS,
      { ...NETWORK, name: "b", mtu: 576 },
      {},
      400,
      "invalid_argument",
      "mtu",
    ],
    [
      "a field that there is not",
      "POST",
      NETWORKS,
      { ...NETWORK, name: "b", vlan: 7 },
      {},
      400,
      "invalid_argument",
      "vlan",
    ],
    ["a missing field", "POST", NETWORKS, { kind: "vlan" }, {}, 400, "invalid_argument", "name"],
    ["no body", "POST", NETWORKS, "", {}, 400, "invalid_argument", "name"],
    ["an unknown network", "POST", `${NETWORKS}/nope/claims`, { identity: "a" }, {}, 404, "not_found"],
    ["an unknown tenant", "POST", "/v1/tenants/nope/networks", NETWORK, {}, 404, "not_found"],
    ["broken JSON", "POST", CLAIMS, '{"identity":', {}, 400, "invalid_argument", "body"],
    ["JSON that is no object", "POST", CLAIMS, "[]", {}, 400, "invalid_argument", "body"],
    ["a body of 20 MB", "POST", `${NETWORKS}/web/bulk/claims`, "x".repeat(20_000_000), {}, 413, "too_large"],
    ["a body of 10 MB", "POST", CLAIMS, "x".repeat(10_000_000), {}, 413, "too_large"],
    [
      "another content type",
      "POST",
      CLAIMS,
      "identity=a",
      { "content-type": "application/x-www-form-urlencoded" },
      415,
      "invalid_argument",
      "Content-Type",
    ],
    ["a name with ../", "GET", "/v1/tenants/..%2F..%2Fetc", undefined, {}, 400, "invalid_argument", "tenant"],
    ["a name with an encoded ../", "GET", "/v1/tenants/%2e%2e%2fetc", undefined, {}, 400, "invalid_argument", "tenant"],
    ["a name with NUL", "GET", "/v1/tenants/a%00b", undefined, {}, 400, "invalid_argument", "tenant"],
    ["a very long name", "GET", `/v1/tenants/${long}`, undefined, {}, 400, "invalid_argument", "tenant"],
    ["a name that is far too long", "GET", `/v1/tenants/${long}${long}`, undefined, {}, 400, "invalid_argument"],
    ["a broken escape", "GET", "/v1/tenants/%zz", undefined, {}, 400, "invalid_argument"],
    ["an identity with ../", "POST", CLAIMS, { identity: "../x" }, {}, 400, "invalid_argument", "identity"],
    [
      "a prototype in the labels",
      "POST",
      CLAIMS,
      '{"identity":"a","labels":{"__proto__":"x"}}',
      {},
      400,
      "invalid_argument",
      "body",
    ],
    ["an unknown path", "GET", "/v1/nothing", undefined, {}, 404, "not_found"],
    ["a wrong method", "PUT", "/v1/tenants", {}, {}, 405, "invalid_argument"],
    ["a wrong query", "GET", "/v1/claims?limit=0", undefined, {}, 400, "invalid_argument", "limit"],
    ["a query that there is not", "GET", "/v1/claims?page=2", undefined, {}, 400, "invalid_argument", "page"],
    ["a query twice", "GET", "/v1/claims?tenant=a&tenant=b", undefined, {}, 400, "invalid_argument", "tenant"],
    ["a selector that is none", "GET", "/v1/claims?selector=x", undefined, {}, 400, "invalid_argument", "selector"],
    [
      "a broken Idempotency-Key",
      "POST",
      CLAIMS,
      { identity: "a" },
      { "idempotency-key": "a b" },
      400,
      "invalid_argument",
      "Idempotency-Key",
    ],
    ["no address", "GET", "/v1/ip/10.20.0.300", undefined, {}, 400, "invalid_argument", "address"],
  ];

  test.each(cases)("%s", async (...one) => {
    const [, method, path, body, headers, status, code, field] = one;
    await using server = await withNetwork();
    const before = await dump(server.store);
    const answer = await server.call(method, path, body, headers);
    expect([answer.status, answer.json?.code, answer.json?.field]).toEqual([status, code, field]);
    expect(answer.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
    expect(problemSchema.parse(answer.json).status).toBe(status);
    expect(await dump(server.store)).toBe(before);
  });

  test("a path that climbs out, as it stands on the wire", async () => {
    await using server = await withNetwork();
    const answer = await server.raw(
      "GET /v1/tenants/../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer).toContain('"code":"not_found"');
  });

  test.each(["close", "keep-alive"])("a body that is too long, whose sender is heard out (%s)", async (connection) => {
    await using server = await withNetwork();
    const body = "x".repeat(10_000_000);
    const head = `POST ${CLAIMS} HTTP/1.1\r\nHost: x\r\nConnection: ${connection}\r\nContent-Type: application/json`;
    const answer = await server.raw(`${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"code":"too_large"');
  });

  test("what is not HTTP", async () => {
    await using server = await withNetwork();
    const answer = await server.raw("HELLO\r\n\r\n");
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"code":"invalid_argument"');
  });

  test("headers without end", async () => {
    await using server = await withNetwork();
    const answer = await server.raw(`GET /v1/tenants HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect(answer).toContain('"code":"too_large"');
  });
});
