import { describe, expect, test } from "vitest";
import { terminal } from "../testing/terminal.ts";

const entry = {
  tenant: "default",
  network: "web",
  address: "10.20.0.7",
  mac: "52:54:00:00:00:09",
  node: "h1",
  endpoint: "e-1",
  identity: "redis-0",
  since: "2026-11-20T09:00:00.000Z",
  revision: 7,
};

describe("holdfast ip quarantine", () => {
  test("lists who answered for which address", async () => {
    const items = [entry, { ...entry, address: "10.20.0.8", until: "2026-11-21T09:00:00.000Z" }];
    const { run, screen } = terminal({ "GET /v1/quarantine": { body: { items, revision: 9 } } });
    expect(await run("ip quarantine")).toBe(0);
    expect(screen.out).toMatchInlineSnapshot(`
      "TENANT   NETWORK  ADDRESS    MAC                HEARD BY  FOR      UNTIL                     AGE
      default  web      10.20.0.7  52:54:00:00:00:09  h1        redis-0  released                  1h5m
      default  web      10.20.0.8  52:54:00:00:00:09  h1        redis-0  2026-11-21T09:00:00.000Z  1h5m
      "
    `);
  });

  test("says how to have addresses looked for when there is none", async () => {
    const { run, screen } = terminal({ "GET /v1/quarantine": { body: { items: [], revision: 9 } } });
    await run("ip quarantine");
    expect(screen.out + screen.err).toContain("holdfast network update web --conflict-probe");
  });
});

describe("holdfast ip release-quarantine", () => {
  test("needs the network, and says what was released", async () => {
    const path = "POST /v1/tenants/default/networks/web/quarantine/10.20.0.7/release";
    const { run, screen, seen } = terminal({ [path]: { body: entry } });
    expect(await run("ip release-quarantine 10.20.0.7")).not.toBe(0);
    expect(await run("ip release-quarantine 10.20.0.7 --network web --reason moved")).toBe(0);
    expect(seen.at(-1)?.body).toEqual({ reason: "moved" });
    expect(screen.out).toMatchInlineSnapshot(`
      "10.20.0.7 of default/web is out of quarantine; 52:54:00:00:00:09 had answered for it at 2026-11-20T09:00:00.000Z
      "
    `);
  });
});

describe("holdfast network --conflict-probe", () => {
  const path = "PATCH /v1/tenants/default/networks/web";
  const network = {
    tenant: "default",
    name: "web",
    id: "n1",
    kind: "vlan",
    segment: 100,
    subnets: [],
    mtu: 1500,
    docker: true,
    cooldownSeconds: 60,
    labels: {},
    createdAt: "2026-11-20T09:00:00.000Z",
    revision: 7,
    conflictProbe: { probes: 3, milliseconds: 300, quarantineSeconds: 86_400 },
  };

  test.each([
    ["--conflict-probe", { conflictProbe: { probes: 3, milliseconds: 300 } }],
    [
      "--conflict-probe 1s --quarantine 1d",
      { conflictProbe: { probes: 3, milliseconds: 1000, quarantineSeconds: 86_400 } },
    ],
    ["--no-conflict-probe", { conflictProbe: null }],
    ["--cooldown 5m", { cooldownSeconds: 300 }],
  ])("update with %s changes just that", async (options, body) => {
    const { run, seen, screen } = terminal({ [path]: { body: network } });
    expect(await run(`network update web ${options}`)).toBe(0);
    expect(seen.at(-1)?.body).toEqual(body);
    expect(screen.out).toContain("3 times in 300 ms before first use; quarantine for 1d");
  });

  test("create has it off unless it is asked for", async () => {
    const { run, seen } = terminal({ "POST /v1/tenants/default/networks": { status: 201, body: network } });
    await run("network create web --kind vlan");
    expect(seen.at(-1)?.body).not.toHaveProperty("conflictProbe");
    await run("network create web --kind vlan --conflict-probe");
    expect(seen.at(-1)?.body).toMatchObject({ conflictProbe: { probes: 3, milliseconds: 300 } });
  });

  test.each([
    ["--conflict-probe 1ms", "--conflict-probe 1ms: "],
    ["--conflict-probe --quarantine 5s", "--quarantine 5s: "],
    ["--quarantine 1d", "--quarantine goes with --conflict-probe"],
  ])("%s is refused before anything is sent", async (options, message) => {
    const { run, seen, screen } = terminal({});
    expect(await run(`network update web ${options}`)).not.toBe(0);
    expect(seen).toEqual([]);
    expect(screen.err).toContain(message);
  });
});
