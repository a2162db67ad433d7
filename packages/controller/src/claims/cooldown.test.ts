import { describe, expect, test } from "vitest";
import { type ServerHarness, startServer } from "../testing/server-harness.ts";

const COOLDOWN = 60_000;
/** Without network, gateway and broadcast address. */
const ADDRESSES = Array.from({ length: 253 }, (_, index) => `10.20.0.${index + 2}`);

async function start(): Promise<ServerHarness> {
  const server = await startServer();
  const body = { name: "web", kind: "vlan", subnets: [{ prefix: "10.20.0.0/24", gateway: "10.20.0.1" }] };
  await server.call("POST", "/v1/tenants/default/networks", { ...body, cooldownSeconds: COOLDOWN / 1000 });
  await server.call("PUT", "/v1/nodes/h1", { version: "1.0", labels: {} });
  return server;
}

/** A container that starts under a name that nobody chose, and dies at once; its address, or why it got none. */
async function crash(server: ServerHarness, endpoint: string): Promise<string> {
  const workload = { runtime: "docker" };
  const request = { tenant: "default", network: "web", endpoint, workload };
  const { status, json } = await server.call("POST", "/v1/nodes/h1/reservations", request);
  if (status >= 400) return json.code;
  const transitions = [{ phase: "released", at: server.clock.now().toISOString(), actor: "node/h1" }];
  const reports = [{ endpoint, epoch: json.claim.epoch, transitions }];
  const report = await server.call("POST", "/v1/nodes/h1/reports", { reports });
  expect(report.json.results[0].outcome).toBe("done");
  return json.claim.addresses[0];
}

describe("a workload that crashes and starts again, over and over", () => {
  test("takes unused addresses one after the other, then the one released longest ago; never one that rests", async () => {
    await using server = await start();
    const released = new Map<string, number>();
    for (let round = 0; round < 1000; round++) {
      const address = await crash(server, `e${round}`);
      const now = server.clock.now().getTime();
      expect.soft(address).toBe(ADDRESSES[round % ADDRESSES.length]);
      expect.soft(now - (released.get(address) ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(COOLDOWN);
      released.set(address, now);
      server.clock.advance(1000);
    }
  }, 60_000);

  test("gets nothing rather than an address that rests, and the first one when its rest is over", async () => {
    await using server = await start();
    for (const address of ADDRESSES) expect(await crash(server, `e-${address.replaceAll(".", "-")}`)).toBe(address);
    expect(await crash(server, "too-early")).toBe("pool_exhausted");
    server.clock.advance(COOLDOWN - 1);
    expect(await crash(server, "still-too-early")).toBe("pool_exhausted");
    server.clock.advance(1);
    expect(await crash(server, "in-time")).toBe(ADDRESSES[0]);
  }, 60_000);

  test("keeps its address when it has a name", async () => {
    await using server = await start();
    const claims = "/v1/tenants/default/networks/web/claims";
    const seen = new Set<string>();
    for (let round = 0; round < 50; round++) {
      const { json } = await server.call("POST", claims, { identity: "job", retention: { kind: "ephemeral" } });
      seen.add(json.addresses[0]);
      await server.call("DELETE", `${claims}/job`);
      server.clock.advance(1000);
    }
    expect([...seen]).toEqual([ADDRESSES[0]]);
  });
});
