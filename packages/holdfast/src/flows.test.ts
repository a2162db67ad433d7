import {
  type EndpointEnd,
  openDuckStore,
  startCollector,
  type TrafficEnd,
  type TrafficWindow,
  type WindowRow,
} from "@holdfast/collector";
import { IpAddress, silentLogger, systemClock } from "@holdfast/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Stage, startStage } from "./testing/stage.ts";

const HOUR = 3_600_000;
const LOOPBACK = { host: "127.0.0.1", port: 0 };

function container(tenant: string, identity: string, address: string): EndpointEnd {
  return {
    kind: "endpoint",
    endpoint: `ep-${tenant}-${identity}`,
    tenant,
    network: "web",
    identity,
    groups: [`${tenant}-all`],
    node: `${tenant}-node`,
    address: IpAddress.parse(address),
  };
}

function row(source: TrafficEnd, destination: TrafficEnd, bytes: number): WindowRow {
  return {
    exporter: { agent: IpAddress.parse("192.168.50.11"), subAgent: 0 },
    vantage: "port",
    direction: "internal",
    isCounted: true,
    isAttributed: true,
    source,
    destination,
    protocol: 6,
    servicePort: 80,
    packets: 10,
    bytes,
    samples: 10,
    exactSamples: 10,
  };
}

// Two tenants with the same addresses and identities, who talk among themselves and to each other.
const redis = container("shop", "redis-0", "10.20.0.7");
const api = container("shop", "api-0", "10.20.0.8");
const vault = container("bank", "redis-0", "10.20.0.7");
const teller = container("bank", "teller-0", "10.20.0.9");

function windowNow(): TrafficWindow {
  const start = Math.floor(Date.now() / 2000) * 2000 - 2000;
  const rows = [row(api, redis, 4000), row(teller, vault, 700), row(teller, api, 20)];
  const samples = rows.map((one, index) => {
    const { servicePort: _, packets, bytes, samples: __, exactSamples: ___, ...dimensions } = one;
    return {
      ...dimensions,
      at: start + index,
      sourcePort: 40_000,
      destinationPort: 80,
      bytes: bytes / packets,
      rate: 1,
    };
  });
  const counts = [redis, vault].map(({ endpoint, tenant, network, identity, node }, index) => ({
    ...{ owner: { endpoint, tenant, network, identity }, node, exporter: "192.168.50.11", ifIndex: index },
    ...{ since: start - 30_000, until: start, egress: { drops: 1 }, ingress: {} },
  }));
  const dropped = { node: "shop-node", tenant: "shop", policy: "db", direction: "ingress" as const, rule: "strangers" };
  const drops = [{ ...dropped, at: start + 1000, packets: 3, bytes: 180 }];
  return { start, seconds: 2, rows, samples, counts, drops, leftOut: 0 };
}

const claims = [
  ["shop", "redis-0", "10.20.0.7"],
  ["shop", "api-0", "10.20.0.8"],
  ["bank", "redis-0", "10.20.0.7"],
  ["bank", "teller-0", "10.20.0.9"],
].map(
  ([tenant, name, address]) => `---
apiVersion: holdfast/v1
kind: Claim
metadata: { name: ${name}, tenant: ${tenant}, network: web }
spec: { addresses: [${address}] }
`,
);
const tenants = ["shop", "bank"].map(
  (tenant) => `---
apiVersion: holdfast/v1
kind: Tenant
metadata: { name: ${tenant} }
spec: {}
---
apiVersion: holdfast/v1
kind: Network
metadata: { name: web, tenant: ${tenant} }
spec: { kind: vxlan, subnets: [{ prefix: 10.20.0.0/24 }] }
---
apiVersion: holdfast/v1
kind: Policy
metadata: { name: db, tenant: ${tenant} }
spec:
  isolates: [ingress]
  ingress: [{ id: strangers, action: deny, peers: [{ kind: cidr, cidr: 10.20.0.0/24 }] }]
`,
);
const PLATFORM = [...tenants, ...claims].join("");

describe("two tenants' flows, from the store to the command line", () => {
  let stack: AsyncDisposableStack;
  let stage: Stage;

  beforeAll(async () => {
    stack = new AsyncDisposableStack();
    const tiers = {
      fine: { seconds: 2, retention: HOUR },
      minute: { seconds: 60, retention: HOUR },
      hour: { seconds: 3600, retention: HOUR },
      samples: HOUR,
    };
    const flows = stack.use(
      await openDuckStore({ clock: systemClock, logger: silentLogger }, { path: ":memory:", memoryMib: 128, tiers }),
    );
    await flows.take(windowNow());
    const collector = await startCollector(
      { clock: systemClock, logger: silentLogger, store: flows, flows },
      {
        listen: LOOPBACK,
        status: LOOPBACK,
        receiveBuffer: 65_536,
        settle: 100,
        holdMemory: 65_536,
        prefixes: [],
        tiers,
      },
    );
    stack.defer(() => collector.stop());
    const { host, port } = collector.statusAddress;
    stage = stack.use(await startStage({ "all.yaml": PLATFORM }, { collector: `http://${host}:${port}` }));
    const applied = await stage.run("apply -f all.yaml");
    expect(applied.code, applied.screen).toBe(0);
  });
  afterAll(() => stack.disposeAsync());

  const lines = [
    "top",
    "top --by identity,peer.identity,peer.address",
    "top --by source.node",
    "series --by identity",
    "matrix",
    "samples",
    "counters --last 1h",
  ];

  test.each(lines)("flows %s: each sees its own, and everybody sees all", async (line) => {
    const shop = await stage.run(`flows ${line} -t shop -o json`);
    const bank = await stage.run(`flows ${line} -t bank -o json`);
    const all = await stage.run(`flows ${line} -o json`);
    expect([shop.code, bank.code, all.code], shop.screen + bank.screen).toEqual([0, 0, 0]);
    expect(shop.screen).toContain("shop");
    expect(shop.screen).not.toContain("bank");
    expect(bank.screen).toContain("bank");
    expect(bank.screen).not.toContain("shop");
    expect(all.screen).toContain("shop");
    expect(all.screen).toContain("bank");
  });

  test("sums are exact where every packet was sampled, and each tenant's own", async () => {
    const { screen } = await stage.run("flows top --by identity -t bank -o json");
    expect(JSON.parse(screen)).toMatchObject({
      groups: [
        { key: { tenant: "bank", identity: "teller-0" }, traffic: { bytes: 720, errorPercent: 0 } },
        { key: { tenant: "bank", identity: "redis-0" }, traffic: { bytes: 700, errorPercent: 0 } },
      ],
      total: { bytes: 720 },
      unattributedPercent: 0,
    });
  });

  test("what policies have made of a packet is told where their counters confirm it, to whose policy it is", async () => {
    const decisions = async (who: string) => {
      const { code, screen } = await stage.run(`flows samples --verdict -o json ${who}`.trim());
      expect(code, screen).toBe(0);
      const { items } = JSON.parse(screen) as { items: { destination: { address: string }; decision?: unknown }[] };
      return items.map(({ destination, decision }) => [destination.address, decision]);
    };
    const by = [{ tenant: "shop", policy: "db", direction: "ingress", rule: "strangers" }];
    // The newest first; the bank's own rule has dropped nothing, and between tenants nothing is counted.
    const ofAll = [
      ["10.20.0.8", undefined],
      ["10.20.0.7", undefined],
      ["10.20.0.7", { verdict: "denied", by }],
    ];
    expect(await decisions("")).toEqual(ofAll);
    // The other tenant's address is one of his own to him, and his policy denies all of these.
    expect(await decisions("-t shop")).toEqual([
      ["10.20.0.8", { verdict: "denied", by }],
      ["10.20.0.7", { verdict: "denied", by }],
    ]);
    expect(JSON.stringify(await decisions("-t bank"))).not.toContain("shop");
    expect((await stage.run("flows samples --verdict -t shop")).screen).toContain("denied by strangers of shop/db");
    expect((await stage.run("flows samples --verdict -t shop -o csv")).screen).toContain("strangers of shop/db\n");
  });

  test("a wrong field is refused by the collector, and said by the command", async () => {
    const { code, screen } = await stage.run("flows top --by identiy");
    expect([code, screen.startsWith('holdfast: by: there is no field "identiy"; there are ')]).toEqual([1, true]);
  });
});
