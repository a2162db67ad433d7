import { HoldfastError, IpAddress } from "@holdfast/core";
import { ledgerEntrySchema } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { claimName, startEngine } from "../testing/engine-harness.ts";
import { type ServerHarness, startServer } from "../testing/server-harness.ts";

const NETWORK = { name: "web", kind: "vlan", subnets: [{ prefix: "10.20.0.0/24" }], cooldownSeconds: 60 };
const CLAIMS = "/v1/tenants/default/networks/web/claims";

async function taken(): Promise<ServerHarness> {
  const server = await startServer();
  await server.call("POST", "/v1/tenants/default/networks", NETWORK);
  await server.call("POST", CLAIMS, { identity: "db", addresses: ["10.20.0.9"] });
  return server;
}

const ask = (server: ServerHarness, identity: string, requestId = "r") =>
  server.call("POST", CLAIMS, { identity, addresses: ["10.20.0.9"] }, { "x-request-id": requestId });

async function refused(server: ServerHarness) {
  const { json } = await server.call("GET", "/v1/ip/10.20.0.9");
  return ledgerEntrySchema
    .array()
    .parse(json.items[0].history)
    .filter(({ event }) => event === "refused");
}

describe("who asked for an address and was refused", () => {
  test("stands in its history, counted, with the last one's name, request and reason", async () => {
    await using server = await taken();
    await ask(server, "first", "r1");
    server.clock.advance(5000);
    expect((await ask(server, "second", "r2")).json.code).toBe("address_in_use");
    expect(await refused(server)).toMatchObject([
      {
        identity: "second",
        requestId: "r2",
        actor: "operator",
        count: 2,
        firstAt: "2026-01-01T00:00:00.000Z",
        at: "2026-01-01T00:00:05.000Z",
        reason: "10.20.0.9 belongs to db",
      },
    ]);
  });

  test("a flood leaves one record, and one more for the next owner and the next day", async () => {
    await using server = await taken();
    for (let index = 0; index < 50; index++) {
      await ask(server, `c-${index}`);
      if (index % 10 === 0) await refused(server);
    }
    expect((await server.store.list("refusals/")).entries).toHaveLength(1);
    expect(await refused(server)).toMatchObject([{ count: 50 }]);
    expect((await server.call("GET", "/v1/ledger?event=refused")).json.items).toMatchObject([{ count: 50 }]);
    server.clock.advance(25 * 3_600_000);
    await ask(server, "next-day");
    expect(await refused(server)).toMatchObject([{ count: 50 }, { count: 1 }]);
    await server.call("DELETE", `${CLAIMS}/db`);
    server.clock.advance(1);
    await ask(server, "thief");
    expect(await refused(server)).toMatchObject([{ count: 50 }, { count: 1 }, { count: 1, identity: "thief" }]);
  });

  test("is not written down when another thing was wrong, or when any address would have done", async () => {
    await using server = await taken();
    await server.call("POST", CLAIMS, { identity: "db" });
    await server.call("POST", CLAIMS, { identity: "x", addresses: ["10.99.0.9"] });
    await server.call("POST", CLAIMS, { identity: "no/t/ok/", addresses: ["10.20.0.9"] });
    await refused(server);
    expect((await server.store.list("refusals/")).entries).toEqual([]);
  });

  test("in a bulk request is noted for each item, and not when it was only tried out", async () => {
    await using server = await taken();
    const path = "/v1/tenants/default/networks/web/bulk/claims";
    const items = [{ identity: "x", addresses: ["10.20.0.9"] }, { identity: "y" }];
    await server.call("POST", path, { mode: "each", dryRun: true, items });
    expect(await refused(server)).toEqual([]);
    await server.call("POST", path, { mode: "each", items });
    expect(await refused(server)).toMatchObject([{ identity: "x", count: 1 }]);
  });

  test("by a node is noted, too", async () => {
    await using server = await taken();
    await server.call("PUT", "/v1/nodes/h1", { version: "1.0", labels: {} });
    const body = { tenant: "default", network: "web", address: "10.20.0.9", workload: { runtime: "docker" } };
    const path = "/v1/nodes/h1/reservations";
    const other = { ...body, endpoint: "e1", identity: "other" };
    expect((await server.call("POST", path, other)).json.code).toBe("address_in_use");
    expect(await refused(server)).toMatchObject([{ identity: "other", node: "h1", actor: "node/h1", count: 1 }]);
  });

  test("more addresses at once than can be noted are dropped, and counted", async () => {
    await using harness = await startEngine();
    const { nouns, metrics } = harness.engine;
    const first = IpAddress.toBigInt(IpAddress.parse("10.20.1.0"));
    for (let index = 0; index < 1003; index++) {
      const addresses = [IpAddress.fromBigInt("v4", first + BigInt(index))];
      const asked = { ...claimName("web", "other"), addresses, actor: "operator" };
      nouns.refusals.note(asked, new HoldfastError("address_in_use", "taken"));
    }
    await nouns.refusals.flush();
    expect((await harness.store.list("refusals/")).entries).toHaveLength(1000);
    expect(String(metrics)).toContain("holdfast_controller_refusals_dropped_total 3\n");
  });
});
