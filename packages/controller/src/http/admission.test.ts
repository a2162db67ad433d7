import { Agent, request } from "node:http";
import { describe, expect, test } from "vitest";
import { type ServerHarness, startServer } from "../testing/server-harness.ts";

const FLAGS = { requestsAtOnce: "8", requestsWaiting: "64" };

async function withTenants(flags: Record<string, string> = FLAGS): Promise<ServerHarness> {
  const server = await startServer({ flags });
  for (const [index, tenant] of ["flood", "quiet"].entries()) {
    await server.call("POST", "/v1/tenants", { name: tenant });
    const subnets = [{ prefix: `10.${index}.0.0/16` }];
    await server.call("POST", `/v1/tenants/${tenant}/networks`, { name: "web", kind: "vxlan", subnets });
  }
  return server;
}

/** Of a request whose body never comes to its end. */
const HALF = { "content-type": "application/json", "content-length": 40 };

interface Reply {
  readonly status: number;
  readonly retryAfter: string | undefined;
}

function post(base: string, agent: Agent, path: string, body: object): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const sent = request(base + path, { method: "POST", agent, headers }, (response) => {
      response.resume();
      response.once("end", () =>
        resolve({ status: response.statusCode ?? 0, retryAfter: response.headers["retry-after"] }),
      );
    });
    sent.once("error", reject);
    sent.end(JSON.stringify(body));
  });
}

/** A request of which only the first half of the body is sent, until it is ended. */
function slowPost(server: ServerHarness, body: object) {
  const text = JSON.stringify(body);
  const headers = { "content-type": "application/json", "content-length": text.length };
  const sent = request(`${server.base}${claims("flood")}`, { method: "POST", headers });
  const reply = new Promise<number>((resolve, reject) => {
    sent.once("error", reject);
    sent.once("response", (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
  });
  sent.write(text.slice(0, 5));
  return { reply, end: () => sent.end(text.slice(5)) };
}

const claims = (tenant: string) => `/v1/tenants/${tenant}/networks/web/claims`;

describe("admission", () => {
  test("a tenant that floods over 500 connections is told to come again; another one and the nodes get all they ask for", async () => {
    await using server = await withTenants();
    const agent = new Agent({ keepAlive: true, maxSockets: 500 });
    await server.call("PUT", "/v1/nodes/h1", { version: "1.0" });
    const ended = new AbortController();
    const flooded: Reply[] = [];
    const flood = Array.from({ length: 500 }, async (_, client) => {
      for (let step = 0; !ended.signal.aborted; step++) {
        flooded.push(await post(server.base, agent, claims("flood"), { identity: `c${client}-${step}` }));
      }
    });
    while (flooded.length < 500) await new Promise((resolve) => setImmediate(resolve));
    const quiet: number[] = [];
    const overtakers: number[] = [];
    for (let step = 0; step < 15; step++) {
      const before = flooded.filter(({ status }) => status === 201).length;
      quiet.push((await server.call("POST", claims("quiet"), { identity: `q${step}` })).status);
      overtakers.push(flooded.filter(({ status }) => status === 201).length - before);
      quiet.push((await server.call("PUT", "/v1/nodes/h1", { version: "1.0" })).status);
    }
    ended.abort();
    await Promise.all(flood);
    agent.destroy();
    expect(new Set(quiet)).toEqual(new Set([200, 201]));
    expect(new Set(flooded.map(({ status }) => status))).toEqual(new Set([201, 429]));
    for (const { status, retryAfter } of flooded) if (status === 429) expect(retryAfter).toMatch(/^[1-9]\d*$/);
    // Those that were at work when it came, and those that had their turn between its own: far from the 64 that waited before it.
    const typical = overtakers.toSorted((a, b) => a - b)[7] ?? 0;
    expect(typical).toBeLessThan(40);
    const metrics = await server.call("GET", "/metrics");
    expect(metrics.text).toContain('requests{state="working"} 0');
    expect(metrics.text).toContain('requests{state="waiting"} 0');
  }, 30_000);

  test("clients that go away while they wait, or while they are served, leave no place taken", async () => {
    await using server = await withTenants({ requestsAtOnce: "2", requestsWaiting: "100" });
    const agent = new Agent({ keepAlive: false });
    for (let round = 0; round < 40; round++) {
      const sent = request(`${server.base}${claims("flood")}`, {
        method: "POST",
        agent,
        headers: HALF,
      });
      sent.on("error", () => {});
      sent.write('{"identity":');
      await new Promise((resolve) => setTimeout(resolve, 1));
      sent.destroy();
    }
    await expect.poll(async () => (await server.call("GET", "/metrics")).text).toContain('requests{state="working"} 0');
    expect((await server.call("POST", claims("flood"), { identity: "a" })).status).toBe(201);
  });

  test("requests whose bodies do not come keep nobody waiting, and are served when they have come", async () => {
    await using server = await withTenants({ requestsAtOnce: "4", requestsWaiting: "100" });
    const slow = Array.from({ length: 4 }, (_, index) => slowPost(server, { identity: `s${index}` }));
    await expect.poll(async () => (await server.call("GET", "/metrics")).text).toContain('requests{state="working"} 4');
    const quick = server.call("POST", claims("quiet"), { identity: "a" });
    await expect.poll(async () => (await server.call("GET", "/metrics")).text).toContain('requests{state="waiting"} 1');
    server.clock.advance(500);
    expect((await quick).status).toBe(201);
    for (const { end } of slow) end();
    expect(await Promise.all(slow.map(({ reply }) => reply))).toEqual([201, 201, 201, 201]);
    const metrics = await server.call("GET", "/metrics");
    expect(metrics.text).toContain('requests{state="working"} 0');
    expect(metrics.text).toContain('requests{state="waiting"} 0');
  });

  test("agents are let in while tenants are sent away", async () => {
    await using server = await withTenants({ requestsAtOnce: "1", requestsWaiting: "0" });
    const sent = request(`${server.base}${claims("flood")}`, { method: "POST", headers: HALF });
    sent.on("error", () => {});
    sent.write('{"identity":');
    const status = async () => (await server.call("GET", "/v1/tenants/quiet")).status;
    await expect.poll(status).toBe(429);
    expect((await server.call("PUT", "/v1/nodes/h1", { version: "1.0" })).status).toBe(200);
    expect((await server.call("POST", "/v1/nodes/h1/reports", { reports: [] })).status).not.toBe(429);
    sent.destroy();
    await expect.poll(status).toBe(200);
  });

  test("large requests are worked on a few at a time, by what they weigh together", async () => {
    await using server = await withTenants({ requestsAtOnce: "128", requestsWaiting: "64" });
    const bulk = `${server.base}/v1/tenants/flood/networks/web/bulk/claims`;
    const send = (headers: Record<string, string | number>) => {
      const sent = request(bulk, { method: "POST", headers: { "content-type": "application/json", ...headers } });
      sent.on("error", () => {});
      sent.write('{"items":');
      return sent;
    };
    const MEBIBYTE = 1024 * 1024;
    const all = Array.from({ length: 20 }, () => send({ "content-length": 8 * MEBIBYTE }));
    const metrics = async () => (await server.call("GET", "/metrics")).text;
    await expect.poll(metrics).toContain('requests{state="waiting"} 16');
    expect(await metrics()).toContain('requests{state="working"} 4');
    // Of what does not say how large it is, any may be the largest.
    for (const sent of all.splice(0)) sent.destroy();
    await expect.poll(metrics).toContain('requests{state="working"} 0');
    all.push(...Array.from({ length: 5 }, () => send({ "transfer-encoding": "chunked" })));
    await expect.poll(metrics).toContain('requests{state="waiting"} 3');
    for (const sent of all) sent.destroy();
    await expect.poll(metrics).toContain('requests{state="working"} 0');
    const items = Array.from({ length: 20 }, (_, index) => ({ identity: `i${index}` }));
    expect((await server.call("POST", bulk.slice(server.base.length), { items })).json).toMatchObject({ done: 20 });
  });

  test("what is refused before its handler leaves no place taken", async () => {
    await using server = await withTenants({ requestsAtOnce: "1", requestsWaiting: "0" });
    for (const body of ["{", "[]", '{"identity":7}']) {
      expect((await server.call("POST", claims("flood"), body)).status).toBe(400);
    }
    expect((await server.call("GET", "/v1/claims?limit=0")).status).toBe(400);
    expect((await server.call("POST", claims("flood"), { identity: "a" })).status).toBe(201);
  });

  test("names that are no tenants share one line", async () => {
    await using server = await withTenants({ tenantRate: "5" });
    const statuses: number[] = [];
    for (let index = 0; index < 8; index++) {
      statuses.push((await server.call("GET", `/v1/tenants/made-up-${index}`)).status);
    }
    expect(statuses).toContain(429);
    expect((await server.call("GET", "/v1/tenants/quiet")).status).toBe(200);
  });
});
