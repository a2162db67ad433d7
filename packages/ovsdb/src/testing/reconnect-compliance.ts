import { setTimeout as delay } from "node:timers/promises";
import { isHoldfastError } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { type OvsdbFixture, soon } from "./ovsdb-fixture.ts";
import { startSocketProxy } from "./socket-proxy.ts";

/** What the client keeps and tells when its connection is lost, and how it comes back. */
export function reconnectCompliance({ subject, connect, withBridge }: OvsdbFixture): void {
  test("the cache outlives the server, and the client comes back", async () => {
    const client = await connect();
    const ovs = await withBridge(client);
    const ports = client.table("Port");
    const lost = client.until((each) => !each.connected || undefined, soon());
    await subject().restartDatabase();
    await lost;
    await client.until((each) => each.connected || undefined, soon());
    expect(client.table("Port")).toBe(ports);
    await ovs.commit(() => ovs.addPort({ bridge: "br0", name: "hfp4", interface: { type: "internal" } }), soon());
    expect(ovs.ports().has("hfp4")).toBe(true);
  });

  describe("through a connection that fails", () => {
    test("what changed meanwhile comes as row changes, and only that", async () => {
      const direct = await withBridge();
      for (const name of ["kept", "gone"]) {
        await direct.commit(() => direct.addPort({ bridge: "br0", name, interface: { type: "internal" } }), soon());
      }
      await using proxy = await startSocketProxy(`${subject().path}.p1`, subject().path);
      const client = await connect({ path: proxy.path });
      const kept = [...client.table("Port").values()].find((row) => row.columns.name === "kept");
      const stop = new AbortController();
      const changes = client.watch(stop.signal);
      await proxy.cut();
      await client.until((each) => !each.connected || undefined, soon());
      await expect(client.transact([], soon())).rejects.toMatchObject({ code: "unavailable", retryable: true });
      await direct.commit(
        () => [
          ...direct.deletePort("gone"),
          ...direct.addPort({ bridge: "br0", name: "new", interface: { type: "internal" } }),
          ...direct.setExternalIds({ table: "Bridge", name: "br0", set: { a: "1" } }),
        ],
        soon(),
      );
      await proxy.restore();
      await client.until((each) => each.connected || undefined, soon());
      stop.abort();
      const seen: string[] = [];
      for await (const { table, before, after } of changes) {
        if (table !== "Bridge" && table !== "Port") continue;
        const kind = before === undefined ? "insert" : after === undefined ? "delete" : "update";
        seen.push(`${kind} ${table} ${String((after ?? before)?.columns.name as string)}`);
      }
      expect(seen.toSorted()).toEqual(["delete Port gone", "insert Port new", "update Bridge br0"]);
      expect(client.table("Port").get(kept?.uuid ?? "")).toBe(kept);
    });

    test("transactions on the way are rejected as unavailable", async () => {
      await using proxy = await startSocketProxy(`${subject().path}.p2`, subject().path);
      const client = await connect({ path: proxy.path });
      proxy.stall();
      const transaction = client.transact([{ op: "select", table: "Bridge", where: [] }], soon());
      const outcome = transaction.catch((error: unknown) => error);
      await proxy.cut();
      expect(isHoldfastError(await outcome, "unavailable")).toBe(true);
    });

    test("silence is noticed, and a new connection is made", async () => {
      await using proxy = await startSocketProxy(`${subject().path}.p3`, subject().path);
      const client = await connect({ path: proxy.path, probeInterval: 50 });
      // Long enough for several echoes, which keep an idle connection.
      const lost = await Promise.race([
        client.until((each) => !each.connected || undefined, soon()),
        delay(300, "kept"),
      ]);
      expect(lost).toBe("kept");
      proxy.stall();
      await client.until((each) => !each.connected || undefined, soon());
      await client.until((each) => each.connected || undefined, soon());
    });
  });
}
