import { describe, expect, test } from "vitest";
import { startStage } from "./testing/stage.ts";

const PLATFORM = `
apiVersion: holdfast/v1
kind: Claim
metadata: { name: mysql-0, network: web, labels: { app: mysql } }
spec: { group: db, count: 2, subnet: 10.20.0.0/24, retention: { kind: sticky, ttlSeconds: 3600 } }
---
apiVersion: holdfast/v1
kind: Claim
metadata: { name: web-0 }
spec: { selector: env=prod, addresses: [10.20.0.9] }
---
apiVersion: holdfast/v1
kind: Claim
metadata: { name: web-1, network: web }
spec: { range: { first: 10.20.0.32, last: 10.20.0.39 } }
---
apiVersion: holdfast/v1
kind: Network
metadata: { name: web, labels: { env: prod } }
spec:
  kind: vlan
  segment: 100
  mtu: 9000
  cooldownSeconds: 300
  docker: false
  nodeBlocks: { size: 16 }
  retention: { kind: sticky, ttlSeconds: 60 }
  subnets:
    - prefix: 10.20.0.0/24
      gateway: 10.20.0.254
      ranges: [{ first: 10.20.0.8, last: 10.20.0.127 }]
      exclusions: [{ first: 10.20.0.8, last: 10.20.0.8 }]
      groupRanges: [{ group: db, first: 10.20.0.16, last: 10.20.0.31 }]
    - prefix: 10.21.0.0/24
      draining: { removeWhenEmpty: false }
---
apiVersion: holdfast/v1
kind: Tenant
metadata: { name: default, labels: { team: platform } }
spec: { quotas: { addresses: 100, networks: 5 } }
`;

/** Outcomes and changes, document by document. */
async function applied(stage: Awaited<ReturnType<typeof startStage>>, more = "") {
  const { code, screen } = await stage.run(`apply -f f -o json${more}`);
  expect(screen).toMatch(/^\{/);
  expect(code).toBe(0);
  const { items } = JSON.parse(screen) as { items: { document: string; outcome: string; changes: string[] }[] };
  return items.map(({ document, outcome, changes }) => [document, outcome, ...changes].join(" | "));
}

const unchanged = [
  "tenant default | unchanged",
  "network default/web | unchanged",
  "claim default/web/mysql-0 | unchanged",
  "claim default/web-0 | unchanged",
  "claim default/web/web-1 | unchanged",
];

describe("holdfast apply, on a controller", () => {
  test("makes all that a document can say, and finds nothing to do the second time", async () => {
    const files = { f: PLATFORM };
    await using stage = await startStage(files);
    const before = await stage.entries();
    const plan = await applied(stage, " --dry-run");
    expect(await stage.entries()).toBe(before);
    expect(plan.slice(0, 2)).toEqual([
      "tenant default | changed | labels.team: none -> platform | quotas.addresses: none -> 100 | quotas.networks: none -> 5",
      "network default/web | created",
    ]);
    expect((await applied(stage)).slice(2)).toEqual([
      "claim default/web/mysql-0 | created | 10.20.0.16,10.20.0.17",
      "claim default/web-0 | created | 10.20.0.9",
      "claim default/web/web-1 | created | 10.20.0.32",
    ]);
    expect(await applied(stage)).toEqual(unchanged);
    expect(await applied(stage, " --dry-run")).toEqual(unchanged);
    const network = JSON.parse((await stage.run("network get web -o json")).screen);
    expect(network).toMatchObject({
      segment: 100,
      mtu: 9000,
      cooldownSeconds: 300,
      docker: false,
      nodeBlocks: { size: 16 },
      retention: { kind: "sticky", ttlSeconds: 60 },
    });
    expect(network.subnets[0]).toMatchObject({ gateway: "10.20.0.254", groupRanges: [{ group: "db" }] });
    expect(network.subnets[1].draining).toMatchObject({ removeWhenEmpty: false });
  });

  test("changes what is said otherwise, leaves alone what is not said, and says both before it does", async () => {
    const files = { f: PLATFORM };
    await using stage = await startStage(files);
    await applied(stage);
    files.f = `
apiVersion: holdfast/v1
kind: Tenant
metadata: { name: default }
spec: { quotas: { addresses: 200 } }
---
apiVersion: holdfast/v1
kind: Network
metadata: { name: web }
spec:
  kind: vlan
  cooldownSeconds: 60
  nodeBlocks: null
  retention: null
  subnets:
    - prefix: 10.20.0.0/24
      groupRanges: [{ group: web, first: 10.20.0.24, last: 10.20.0.31 }, { group: db, first: 10.20.0.16, last: 10.20.0.23 }]
    - { prefix: 10.21.0.0/24, draining: null }
    - { prefix: 10.22.0.0/24, draining: { removeWhenEmpty: false } }
    - { prefix: 10.23.0.0/24, draining: { removeWhenEmpty: true } }
---
apiVersion: holdfast/v1
kind: Claim
metadata: { name: mysql-0, network: web, labels: { app: mysql, tier: db } }
spec: { retention: { kind: reserved } }
`;
    const wanted = [
      "tenant default | changed | quotas.addresses: 100 -> 200 | quotas.networks: 5 -> none",
      [
        "network default/web | changed",
        "cooldownSeconds: 300 -> 60",
        "nodeBlocks.size: 16 -> none",
        "retention.kind: sticky -> none | retention.ttlSeconds: 60 -> none",
        "group db of 10.20.0.0/24: 10.20.0.16-10.20.0.31 -> 10.20.0.16-10.20.0.23",
        "group web of 10.20.0.0/24: none -> 10.20.0.24-10.20.0.31",
        "subnet 10.21.0.0/24 gives addresses again",
        "subnet 10.22.0.0/24 added",
        "subnet 10.22.0.0/24 drained",
      ].join(" | "),
      [
        "claim default/web/mysql-0 | changed",
        "labels.tier: none -> db",
        "retention.kind: sticky -> reserved",
        "retention.ttlSeconds: 3600 -> none",
      ].join(" | "),
    ];
    const before = await stage.entries();
    expect(await applied(stage, " --dry-run")).toEqual(wanted);
    expect(await stage.entries()).toBe(before);
    expect(await applied(stage)).toEqual(wanted);
    expect((await applied(stage)).every((line) => line.endsWith("unchanged"))).toBe(true);
    const network = JSON.parse((await stage.run("network get web -o json")).screen);
    expect(network).toMatchObject({ mtu: 9000, docker: false, cooldownSeconds: 60, labels: { env: "prod" } });
    expect(network.nodeBlocks).toBeUndefined();
    expect(JSON.parse((await stage.run("tenant get default -o json")).screen).labels).toEqual({ team: "platform" });
  });

  test.for([
    ["kind: vlan", "kind: vxlan", "kind is vlan, not vxlan, and cannot change"],
    ["segment: 100", "segment: 101", "segment is 100, not 101, and cannot change"],
    ["gateway: 10.20.0.254", "gateway: 10.20.0.253", "gateway is 10.20.0.254, not 10.20.0.253, and cannot change"],
    ["last: 10.20.0.127", "last: 10.20.0.126", "ranges is 10.20.0.8-10.20.0.127, not 10.20.0.8-10.20.0.126, and"],
    ["{ first: 10.20.0.8, last: 10.20.0.8 }", "", "exclusions is 10.20.0.8-10.20.0.8, not none, and cannot change"],
    ["group: db, count", "group: web, count", "group is db, not web, and cannot change"],
    ["count: 2", "count: 1", "count is 2, not 1, and cannot change"],
    ["addresses: [10.20.0.9]", "addresses: [10.20.0.10]", "addresses is 10.20.0.9, not 10.20.0.10, and cannot change"],
    ["subnet: 10.20.0.0/24", "subnet: 10.21.0.0/24", "subnet is 10.20.0.16, not 10.21.0.0/24, and cannot change"],
    ["last: 10.20.0.39", "last: 10.20.0.34", undefined],
    ["first: 10.20.0.32", "first: 10.20.0.33", "range is 10.20.0.32, not 10.20.0.33-10.20.0.39, and cannot change"],
  ] as const)("%s cannot become %s without a word", async ([is, wanted, message]) => {
    const files = { f: PLATFORM };
    await using stage = await startStage(files);
    await applied(stage);
    files.f = PLATFORM.replace(is, wanted);
    for (const line of ["apply -f f --dry-run", "apply -f f"]) {
      const { code, screen } = await stage.run(line);
      expect(code).toBe(message === undefined ? 0 : 1);
      if (message !== undefined) expect(screen).toContain(message);
    }
  });

  test("a dry run refuses what would be refused", async () => {
    const files = { f: PLATFORM };
    await using stage = await startStage(files);
    await applied(stage);
    files.f =
      "{ apiVersion: holdfast/v1, kind: Claim, metadata: { name: thief, network: web }, spec: { addresses: [10.20.0.9] } }";
    const taken = await stage.run("apply -f f --dry-run");
    expect(taken).toMatchObject({ code: 1, screen: expect.stringContaining("10.20.0.9 belongs to web-0") });
    files.f = "{ apiVersion: holdfast/v1, kind: Claim, metadata: { name: thief, network: nowhere } }";
    expect((await stage.run("apply -f f --dry-run")).screen).toContain("nowhere");
    files.f = "{ apiVersion: holdfast/v1, kind: Claim, metadata: { name: c, network: web } }";
    expect(await applied(stage, " --dry-run")).toEqual(["claim default/web/c | created | 10.20.0.10"]);
    expect(await stage.claims()).toHaveLength(3);
  });
});
