import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ManualClock, RecordingLogger } from "@holdfast/core/testing";
import { flowCountersPageSchema, flowDropsSchema } from "@holdfast/model";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createPortCounters } from "../counters/port-counters.ts";
import { nobodyInside } from "../naming/naming.ts";
import { DEFAULT_TIERS, type FlowStore } from "../store/store.ts";
import { container, nobody, outside, sampled, TEN_O_CLOCK, traffic, windowOf } from "../testing/made-traffic.ts";
import { createMemoryStore } from "../testing/memory-store.ts";
import { createFlowApi } from "./flow-api.ts";
import { createTail, type Tail } from "./tail.ts";

const redis = container("shop/web/redis-0", "10.20.0.7", { groups: ["cache"] });
const api = container("shop/web/api-1", "10.20.0.8");
const teller = container("bank/web/redis-0", "10.20.0.7", { node: "node-2" });
const ports = createPortCounters(nobodyInside);
const office = outside("192.0.2.5", "office");

describe("questions about flows", () => {
  let stack: AsyncDisposableStack;
  let store: FlowStore;
  let tail: Tail;
  let base: string;

  async function serve(token?: string, kept: FlowStore | undefined = store): Promise<string> {
    const clock = new ManualClock(new Date(TEN_O_CLOCK + 25_000));
    const flows = createFlowApi(
      { store: kept, tail, ports, clock, logger: new RecordingLogger() },
      { tiers: DEFAULT_TIERS, token },
    );
    const server = createServer((request, response) => void flows(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    stack.defer(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    store = createMemoryStore();
    tail = createTail();
    const asked = traffic(api, redis, { bytes: 4000, servicePort: 6379, samples: 4 });
    await store.take(windowOf(TEN_O_CLOCK, [asked], [sampled(asked, TEN_O_CLOCK + 1500)]));
    await store.take(
      windowOf(
        TEN_O_CLOCK + 10_000,
        [
          traffic(api, redis, { bytes: 1000 }),
          traffic(teller, api, { bytes: 500 }),
          traffic(nobody("10.20.0.99"), office, { bytes: 500 }),
        ],
        [sampled(traffic(teller, office), TEN_O_CLOCK + 11_000)],
      ),
    );
    base = await serve();
  });
  afterEach(() => stack.disposeAsync());

  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came.
  const get = async (path: string): Promise<any> => (await fetch(base + path)).json();
  const text = async (path: string): Promise<string> => (await fetch(base + path)).text();

  test("who has the most: estimates with their error, the others, the total, and the share without a name", async () => {
    expect(await get("/v1/flows/top?by=identity&limit=2&last=1m")).toEqual({
      from: "2026-11-20T09:59:20.000Z",
      to: "2026-11-20T10:00:20.000Z",
      seconds: 60,
      by: ["tenant", "identity"],
      measure: "bytes",
      unattributedPercent: 50_000 / 6000,
      groups: [
        {
          key: { tenant: "shop", identity: "api-1" },
          traffic: { packets: 30, bytes: 5500, samples: 6, exactSamples: 0, errorPercent: 196 / Math.sqrt(6) },
          percent: 100,
        },
        {
          key: { tenant: "shop", identity: "redis-0" },
          traffic: { packets: 20, bytes: 5000, samples: 5, exactSamples: 0, errorPercent: 196 / Math.sqrt(5) },
          percent: 100 * (5000 / 5500),
        },
      ],
      other: {
        groups: 1,
        traffic: { packets: 10, bytes: 500, samples: 1, exactSamples: 0, errorPercent: 196 },
        percent: 100 * (500 / 5500),
      },
      total: { packets: 30, bytes: 5500, samples: 6, exactSamples: 0, errorPercent: 196 / Math.sqrt(6) },
    });
  });

  test("compared with the time before", async () => {
    const answer = await get("/v1/flows/top?by=service&last=10s&compare=true&tenant=shop");
    expect(answer).toMatchObject({
      groups: [{ key: { service: 80 }, traffic: { bytes: 1500 }, before: { bytes: 0 } }],
      total: { bytes: 1500 },
      totalBefore: { bytes: 4000 },
    });
  });

  test("the share without a name is a tenant's own when he asks, and the whole platform's else", async () => {
    const asked = async (question: string): Promise<unknown> =>
      (await get(`/v1/flows/${question}`)).unattributedPercent;
    expect(await asked("top?last=1m")).toBe((100 * 500) / 6000);
    expect(await asked("top?last=1m&tenant=shop")).toBe(0);
    const toNobody = traffic(redis, nobody("10.20.0.99"), { bytes: 500 });
    await store.take(windowOf(TEN_O_CLOCK + 20_000, [toNobody]));
    expect(await asked("top?last=1m&tenant=shop&filter=identity%3Dapi-1")).toBe((100 * 500) / 6000);
    expect(await asked("series?last=1m&tenant=shop")).toBe((100 * 500) / 6000);
    expect(await asked("top?last=1m&tenant=bank")).toBe(0);
    expect(await asked("top?last=1m&tenant=other")).toBeUndefined();
  });

  test("rates over time", async () => {
    const answer = await get(
      "/v1/flows/series?by=source.identity&step=10s&from=2026-11-20T10:00:00Z&tenant=shop&limit=1",
    );
    expect(answer).toMatchObject({
      step: 10,
      times: ["2026-11-20T10:00:00.000Z", "2026-11-20T10:00:10.000Z"],
      groups: [{ key: { "source.identity": "api-1" }, rates: [400, 100], traffic: { bytes: 5000 } }],
      other: { groups: 1, rates: [0, 50] },
      total: { rates: [400, 150] },
    });
    expect((await get("/v1/flows/series?last=20s")).groups).toEqual([]);
    // Of the second half minute only 20 seconds are over.
    const { total, seconds } = await get("/v1/flows/series?step=30s&from=2026-11-20T09:59:30Z&tenant=shop");
    expect([total.rates, seconds]).toEqual([[0, 5500 / 20], 50]);
  });

  test("who talks to whom", async () => {
    const { groups } = await get("/v1/flows/matrix?by=identity&last=1m&filter=source.tenant%3Dshop");
    expect(groups).toMatchObject([
      {
        key: {
          "source.tenant": "shop",
          "source.identity": "api-1",
          "destination.tenant": "shop",
          "destination.identity": "redis-0",
        },
      },
    ]);
  });

  test("single packets, the newest first", async () => {
    const { items } = await get("/v1/flows/samples?last=1m");
    expect(items).toMatchObject([
      { source: { tenant: "bank", identity: "redis-0" }, destination: { prefix: "office" }, exporter: "192.168.50.11" },
      {
        at: "2026-11-20T10:00:01.500Z",
        source: { tenant: "shop", identity: "api-1", address: "10.20.0.8", port: 40_000 },
        destination: { identity: "redis-0", groups: ["cache"], port: 6379 },
        protocol: 6,
        service: 6379,
        attributed: true,
        bytes: 400,
        rate: 2.5,
      },
    ]);
  });

  test.each([
    "top?by=identity",
    "top?by=source.identity,destination.identity,destination.address",
    "matrix",
    "series?by=identity",
    "samples?",
  ])("a tenant gets nothing of another's by %s", async (question) => {
    const join = question.includes("?") ? "&" : "?";
    const shown = await text(`/v1/flows/${question}${join}last=1m&tenant=shop`);
    expect(shown).toContain("api-1");
    expect(shown).not.toContain("bank");
    expect(shown).not.toContain("node-2");
  });

  test("CSV is a line per group, the others and the total", async () => {
    const response = await fetch(`${base}/v1/flows/top?by=source.identity&last=1m&limit=1&format=csv&tenant=shop`);
    expect(response.headers.get("content-type")).toBe("text/csv; charset=utf-8");
    expect(await response.text()).toMatchInlineSnapshot(`
      "row,source.tenant,source.identity,bytes,packets,samples,errorPercent,percent
      group,shop,api-1,5000,20,5,87.65386471799175,90.9090909090909
      other,,,500,10,1,196,9.090909090909092
      total,,,5500,30,6,80.01666493091716,100
      "
    `);
    expect(
      await text("/v1/flows/series?step=10s&from=2026-11-20T10:00:00Z&tenant=shop&format=csv"),
    ).toMatchInlineSnapshot(`
      "time,row,bytesPerSecond
      2026-11-20T10:00:00.000Z,other,0
      2026-11-20T10:00:10.000Z,other,0
      2026-11-20T10:00:00.000Z,total,400
      2026-11-20T10:00:10.000Z,total,150
      "
    `);
    expect(await text("/v1/flows/samples?last=1m&tenant=shop&format=csv")).toMatchInlineSnapshot(`
      "at,source.endpoint,source.identity,source.tenant,source.network,source.node,source.prefix,source.address,source.port,destination.endpoint,destination.identity,destination.tenant,destination.network,destination.node,destination.prefix,destination.address,destination.port,protocol,service,tcpFlags,verdict,exporter,vlan,vni,attributed,bytes,rate
      2026-11-20T10:00:01.500Z,ep-shop-api-1,api-1,shop,web,node-1,,10.20.0.8,40000,ep-shop-redis-0,redis-0,shop,web,node-1,,10.20.0.7,6379,6,6379,16,,,,,true,400,2.5
      "
    `);
  });

  test.each([
    ["top?by=identiy", "by", 'by: there is no field "identiy"; there are '],
    ["top?filter=identiy%3Da", "filter", 'filter, character 1: there is no field "identiy"; did you mean identity?'],
    ["top?last=1x", "last", "last: not a duration; write for example 30s, 15m or 1h30m"],
    ["top?limit=0", "limit", "limit: Too small"],
    ["top?form=csv", "form", "form: there is no such field"],
    ["top?last=1m&from=2026-11-20T10:00:00Z", "last", "last: say either last or from"],
    ["top?last=401d", "last", "last: that is longer than 400 days"],
    ["top?from=2026-11-20T11:00:00Z", "from", "from: there is no time between the beginning and the end"],
    ["series?step=1s", "step", "step: of that time there are rows of 10s; the step is a multiple of that"],
    ["series?step=10s&last=3h", "step", "step: that are 1080 points; ask for 500 at most"],
    ["matrix?by=service", "by", 'by: "service" is not what an end has; there are endpoint, identity, group, '],
    ["samples?verdict=true", "verdict", "verdict: a controller knows policies, and a collector does not; ask there"],
    ["top?by=a,b,c,d,e,f,g", "by", "by: 7 fields; at most 6"],
  ])("refuses %s and names the parameter", async (question, field, detail) => {
    const response = await fetch(`${base}/v1/flows/${question}`);
    expect([response.status, response.headers.get("content-type")]).toEqual([
      400,
      "application/problem+json; charset=utf-8",
    ]);
    const problem = await response.json();
    expect(problem).toMatchObject({ code: "invalid_argument", field });
    expect((problem as { detail: string }).detail).toContain(detail);
  });

  test("a token is asked for when there is one", async () => {
    const guarded = await serve("a-secret-token");
    expect((await fetch(`${guarded}/v1/flows/top`)).status).toBe(401);
    const headers = { authorization: "Bearer a-secret-token" };
    expect((await fetch(`${guarded}/v1/flows/top`, { headers })).status).toBe(200);
  });

  test("there is nothing to change", async () => {
    const response = await fetch(`${base}/v1/flows/top`, { method: "DELETE" });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ detail: "DELETE is not possible on /v1/flows/top; use GET" });
  });

  test("says so when nothing is kept", async () => {
    stack.defer(() => store.close());
    const clock = new ManualClock();
    const flows = createFlowApi(
      { store: undefined, tail, ports, clock, logger: new RecordingLogger() },
      { tiers: DEFAULT_TIERS, token: undefined },
    );
    const server = createServer((request, response) => void flows(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    stack.defer(() => void server.close());
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/flows/top`);
    expect(await answer.json()).toMatchObject({
      code: "precondition_failed",
      detail: "this collector keeps no traffic; start it with --store FILE",
    });
  });

  test("packets as they come, each tenant his own", async () => {
    const gone = new AbortController();
    const response = await fetch(`${base}/v1/flows/tail?tenant=bank`, { signal: gone.signal });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const row = traffic(teller, office);
    tail.take(
      windowOf(
        TEN_O_CLOCK,
        [],
        [sampled(traffic(api, redis), TEN_O_CLOCK), sampled(row, TEN_O_CLOCK + 2), sampled(row, TEN_O_CLOCK + 1)],
      ),
    );
    const lines = new TextDecoder()
      .decode((await reader.read()).value)
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { at: string });
    expect(lines.map(({ at }) => at)).toEqual(["2026-11-20T10:00:00.001Z", "2026-11-20T10:00:00.002Z"]);
    gone.abort();
  });

  describe("counters", () => {
    const grew = { agent: "192.0.2.1", ifIndex: 7, name: "hfp1000", owner: 0, at: TEN_O_CLOCK + 20_000 };
    const amounts = { milliseconds: 10_000, received: { bytes: 1000, packets: 10 }, sent: { drops: 2 } };
    const read = async (query: string) =>
      flowCountersPageSchema.parse(await (await fetch(`${base}/v1/flows/counters?${query}`)).json()).items;

    beforeEach(async () => {
      const ended = createPortCounters({ endpoint: () => redis, nodeOf: () => undefined });
      const counts = ended.take([{ ...grew, ...amounts }]);
      await store.take({ ...windowOf(TEN_O_CLOCK + 20_000, []), counts });
    });

    test("of a time are those that the store has, whichever collector has heard them", async () => {
      expect(await read("")).toEqual([]);
      expect(await read("last=1m")).toEqual([
        {
          ...{ endpoint: "ep-shop-redis-0", tenant: "shop", network: "web", identity: "redis-0", node: "node-1" },
          ...{ exporter: "192.0.2.1", ifIndex: 7, port: "hfp1000" },
          since: "2026-11-20T10:00:10.000Z",
          until: "2026-11-20T10:00:20.000Z",
          egress: { bytes: 1000, packets: 10, bitRate: 800, packetRate: 1 },
          ingress: { drops: 2 },
        },
      ]);
      expect(await read("from=2026-11-20T09:00:00Z&to=2026-11-20T10:00:20Z")).toEqual([]);
    });

    test("of a time are a tenant's own, without what the platform is built of", async () => {
      expect(await read("last=1m&tenant=bank")).toEqual([]);
      const [own] = await read("last=1m&tenant=shop");
      expect(own).toMatchObject({ identity: "redis-0" });
      for (const field of ["exporter", "ifIndex", "port"]) expect(own).not.toHaveProperty(field);
    });
  });

  describe("drops", () => {
    const rule = { tenant: "shop", policy: "db", direction: "ingress", rule: "blocked", node: "h1" } as const;
    const SPAN = "from=2026-11-20T10:00:00Z&to=2026-11-20T10:00:30Z";
    const read = async (query: string) => (await fetch(`${base}/v1/flows/drops?${query}`)).json();

    beforeEach(async () => {
      const drops = [
        { ...rule, at: TEN_O_CLOCK + 12_000, packets: 30, bytes: 1800 },
        { ...rule, at: TEN_O_CLOCK + 22_000, node: "h2", packets: 10, bytes: 600 },
        { ...rule, at: TEN_O_CLOCK + 22_000, tenant: "bank", packets: 5, bytes: 300 },
        { at: TEN_O_CLOCK + 22_000, node: "h1", guard: "mac", packets: 1, bytes: 60 },
      ];
      await store.take({ ...windowOf(TEN_O_CLOCK + 20_000, []), drops });
    });

    test("are told by rule, the most first, within their policies and tenants", async () => {
      const answer = flowDropsSchema.parse(await read(`${SPAN}&limit=1`));
      expect(answer).toMatchObject({ by: ["tenant", "policy", "direction", "rule"], seconds: 30 });
      const { node: _, ...key } = rule;
      expect(answer.groups).toEqual([{ key, packets: 40, bytes: 2400 }]);
      expect([answer.other, answer.total]).toEqual([
        { groups: 2, packets: 6, bytes: 360 },
        { packets: 46, bytes: 2760 },
      ]);
    });

    test("are told over time, by any fields", async () => {
      const answer = flowDropsSchema.parse(await read(`${SPAN}&by=node&step=10s`));
      expect(answer.times).toEqual([0, 10, 20].map((second) => new Date(TEN_O_CLOCK + second * 1000).toISOString()));
      expect(answer.groups).toEqual([
        { key: { node: "h1" }, packets: 36, bytes: 2160, rates: [0, 3, 0.6] },
        { key: { node: "h2" }, packets: 10, bytes: 600, rates: [0, 0, 1] },
      ]);
    });

    test("of a tenant are of his policies alone", async () => {
      expect(await read("last=1m&tenant=bank&by=policy")).toMatchObject({
        groups: [{ key: { tenant: "bank", policy: "db" }, packets: 5 }],
        total: { packets: 5 },
      });
    });

    test("by what they do not have are refused", async () => {
      expect(await read("by=identity")).toMatchObject({
        status: 400,
        detail: expect.stringContaining("by:") as string,
      });
    });
  });
});
