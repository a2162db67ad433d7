import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ManualClock } from "@holdfast/core/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ServerHarness, startServer } from "../testing/server-harness.ts";

const AT = Date.parse("2026-11-20T10:00:05.000Z");
const time = (seconds: number): string => new Date(AT + seconds * 1000).toISOString();
const sample = {
  at: time(0),
  source: { address: "192.0.2.9", port: 40_000 },
  destination: { tenant: "default", network: "net", identity: "db-0", node: "h1", address: "10.20.0.20", port: 5432 },
  protocol: 6,
  attributed: true,
  bytes: 60,
  rate: 1,
};
const key = { tenant: "default", policy: "db", direction: "ingress", rule: null, node: "h1" };
const drops = {
  ...{
    from: time(-5),
    to: time(25),
    seconds: 30,
    by: Object.keys(key),
    step: 10,
    times: [time(-5), time(5), time(15)],
  },
  ...{ groups: [{ key, packets: 1, bytes: 60, rates: [0, 0.1, 0] }], other: { groups: 0, packets: 0, bytes: 0 } },
  total: { packets: 1, bytes: 60 },
};

describe("samples with verdicts", () => {
  let stack: AsyncDisposableStack;
  let harness: ServerHarness;
  let asked: URL[];
  let answers: Record<string, { status: number; body: unknown }>;

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    asked = [];
    answers = {
      "/v1/flows/samples": { status: 200, body: { items: [sample, { ...sample, at: time(-9000) }] } },
      "/v1/flows/drops": { status: 200, body: drops },
    };
    const collector = createServer((request, response) => {
      const url = new URL(request.url ?? "/", "http://collector");
      asked.push(url);
      const { status, body } = answers[url.pathname] ?? { status: 404, body: {} };
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
    stack.defer(async () => {
      collector.closeAllConnections();
      await new Promise((resolve) => collector.close(resolve));
    });
    const url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
    harness = stack.use(await startServer({ clock: new ManualClock(new Date(AT)), flags: { collector: url } }));
    const { call } = harness;
    const network = { name: "net", kind: "vlan", subnets: [{ prefix: "10.20.0.0/24" }] };
    for (const [path, body] of [
      ["networks", network],
      ["networks/net/claims", { identity: "db-0", addresses: ["10.20.0.20"] }],
      ["policies", { name: "db", isolates: ["ingress"] }],
    ] as const)
      expect((await call("POST", `/v1/tenants/default/${path}`, body)).status).toBe(201);
  });
  afterEach(() => stack.disposeAsync());

  test("are the collector's, with what policies say, and what was dropped when they came is asked", async () => {
    const reply = await harness.call("GET", "/v1/flows/samples?verdict=true&tenant=default&last=5m&limit=7");
    const { rule: _, node: __, ...by } = key;
    const decision = { verdict: "denied", by: [by] };
    expect(reply.json).toEqual({
      items: [
        { ...sample, decision },
        { ...sample, at: time(-9000) },
      ],
    });
    expect(asked.map(({ pathname, searchParams }) => [pathname, Object.fromEntries(searchParams)])).toEqual([
      ["/v1/flows/samples", { tenant: "default", last: "5m", limit: "7" }],
      [
        "/v1/flows/drops",
        { tenant: "default", by: "rule,node", step: "10s", limit: "1000", from: time(-4900), to: time(20) },
      ],
    ]);
  });

  test("are a table as well", async () => {
    const { text, headers } = await harness.call("GET", "/v1/flows/samples?verdict=true&format=csv");
    const [title = "", first = ""] = text.split("\n");
    expect(title.split(",").at(-1)).toBe("decision");
    expect(first.split(",").at(-1)).toBe("denied by default/db: no rule allows it");
    expect(headers.get("content-type")).toBe("text/csv; charset=utf-8");
  });

  test.each(["/v1/flows/samples", "/v1/flows/drops"])("are refused where the collector refuses %s", async (path) => {
    const problem = { type: "", title: "", status: 412, detail: "no", code: "precondition_failed", retryable: false };
    answers[path] = { status: 412, body: problem };
    const reply = await harness.call("GET", "/v1/flows/samples?verdict=true");
    expect([reply.status, reply.json]).toEqual([412, problem]);
  });

  test("without verdicts are passed on as they are", async () => {
    const { json } = await harness.call("GET", "/v1/flows/samples?limit=7");
    expect(json.items).toEqual([sample, { ...sample, at: time(-9000) }]);
    expect(asked.map(({ href }) => href)).toEqual(["http://collector/v1/flows/samples?limit=7"]);
  });
});
