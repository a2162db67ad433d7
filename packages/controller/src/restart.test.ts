import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { ManualClock, RecordingLogger } from "@holdfast/core/testing";
import { openMemoryStore, openSqliteStore } from "@holdfast/store";
import { storeWith } from "@holdfast/store/testing";
import { describe, expect, test } from "vitest";
import { dump } from "./testing/engine-harness.ts";
import { type ServerHarness, startServer } from "./testing/server-harness.ts";

const NETWORKS = "/v1/tenants/default/networks";
const PATHS = ["/v1/tenants", "/v1/networks", "/v1/claims", "/v1/endpoints", "/v1/ip/10.20.0.2"];

/** What a client sees of everything. */
async function seen(server: ServerHarness): Promise<unknown[]> {
  return Promise.all(PATHS.map(async (path) => (await server.call("GET", path)).json));
}

describe("a controller whose book has come to harm", () => {
  test("serves it when two claims have one address, and gives that to nobody else when one of them goes", async () => {
    const clock = new ManualClock();
    const store = openMemoryStore({ clock });
    const first = await startServer({ store, clock });
    await first.call("POST", NETWORKS, { name: "web", kind: "vlan", subnets: [{ prefix: "10.20.0.0/29" }] });
    await first.call("POST", `${NETWORKS}/web/claims`, { identity: "a" });
    await first.controller.stop();
    const claim = await store.get("claims/default/web/a");
    const value = JSON.stringify({ ...JSON.parse(claim?.value ?? ""), identity: "b" });
    await store.commit({ conditions: [], operations: [{ kind: "put", key: "claims/default/web/b", value }] });

    await using second = await startServer({ store, clock });
    expect((await second.call("GET", `${NETWORKS}/web/claims/b`)).json.addresses).toEqual(["10.20.0.2"]);
    expect((await second.call("GET", `${NETWORKS}/web/usage`)).json.v4).toMatchObject({ capacity: "5", free: "4" });
    expect((await second.call("DELETE", `${NETWORKS}/web/claims/a`)).status).toBe(204);
    clock.advance(3_600_000);
    await expect.poll(async () => (await store.list("cooling/")).entries).toEqual([]);
    const identities = ["c", "d", "e", "f", "g"];
    const claims = identities.map((identity) => second.call("POST", `${NETWORKS}/web/claims`, { identity }));
    const given = (await Promise.all(claims)).flatMap(({ json }) => json.addresses ?? []);
    expect(given).toHaveLength(4);
    expect(given).not.toContain("10.20.0.2");
  });
});

describe("a controller on a SQLite file", () => {
  test("has everything again after a restart, and goes on where it was", async () => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-controller-"));
    const clock = new ManualClock();
    const open = () =>
      openSqliteStore({ clock, logger: new RecordingLogger() }, { path: join(folder, "controller.db") });
    try {
      let store = await open();
      const first = await startServer({ store, clock });
      await first.call("POST", NETWORKS, { name: "web", kind: "vlan", subnets: [{ prefix: "10.20.0.0/24" }] });
      await first.call("POST", `${NETWORKS}/web/claims`, { identity: "a" }, { "idempotency-key": "k" });
      await first.call("PUT", "/v1/nodes/h1", { version: "1.0" });
      const body = {
        endpoint: "e1",
        tenant: "default",
        network: "web",
        identity: "a",
        workload: { runtime: "docker" },
      };
      await first.call("POST", "/v1/nodes/h1/reservations", body);
      const before = await seen(first);
      const content = await dump(store);
      await first.controller.stop();
      await store.close();

      store = await open();
      const second = await startServer({ store, clock });
      expect(await seen(second)).toEqual(before);
      expect(await dump(store)).toBe(content);
      expect((await second.call("POST", "/v1/nodes/h1/reservations", body)).json.claim.epoch).toBe(1);
      const again = await second.call("POST", `${NETWORKS}/web/claims`, { identity: "a" }, { "idempotency-key": "k" });
      expect([again.status, again.json.addresses]).toEqual([201, ["10.20.0.2"]]);
      expect((await second.call("POST", `${NETWORKS}/web/claims`, { identity: "b" })).json.addresses).toEqual([
        "10.20.0.3",
      ]);
      await second.controller.stop();
      await store.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("stopping", () => {
  test("answers requests that have begun, takes no more, and may come twice", async () => {
    const clock = new ManualClock();
    const plain = openMemoryStore({ clock });
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const store = storeWith(plain, {
      commit: async (transaction) => {
        if (transaction.operations.some(({ key }) => key === "tenants/red")) {
          begun.resolve();
          await gate.promise;
        }
        return plain.commit(transaction);
      },
    });
    const server = await startServer({ store, clock });
    const watch = await fetch(`${server.base}/v1/watch`);
    const created = server.call("POST", "/v1/tenants", { name: "red" });
    await begun.promise;
    const stopped = server.controller.stop();
    await nextTurn();
    gate.resolve();
    expect((await created).status).toBe(201);
    await stopped;
    await server.controller.stop();
    expect(await watch.text().catch(() => "cut")).toBeTypeOf("string");
    await expect(server.call("GET", "/v1/tenants")).rejects.toThrow();
    expect(await plain.get("tenants/red")).toBeDefined();
  });

  test("of a controller whose port is taken has left nothing running", async () => {
    await using server = await startServer();
    const { port } = server.controller.address;
    const second = startServer({ flags: { listen: `127.0.0.1:${port}` } });
    await expect(second).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
  });
});
