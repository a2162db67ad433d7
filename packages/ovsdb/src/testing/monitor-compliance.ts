import { expect, test } from "vitest";
import { createOpenVSwitch } from "../open-vswitch.ts";
import type { RowChange } from "../ovsdb.ts";
import { type OvsdbFixture, soon } from "./ovsdb-fixture.ts";

/** The cache that follows the monitored tables: its snapshots, its row changes, and waiting for one. */
export function monitorCompliance({ connect, device, withBridge }: OvsdbFixture): void {
  test("sets and maps change element by element", async () => {
    const ovs = await withBridge();
    const observer = await connect();
    const observed = createOpenVSwitch(observer);
    const name = await device();
    for (const [trunks, options] of [
      [[1, 2, 3], { a: "1", b: "2" }],
      [[2, 4], { b: "3", c: "4" }],
      [[], {}],
      [[9], { d: "" }],
    ] as const) {
      await ovs.commit(() => ovs.addPort({ bridge: "br0", name, trunks, interface: { options } }), soon());
      const present = new Set<number>(trunks);
      for (const view of [ovs, observed]) {
        await observer.until(() => {
          const seen = view.ports().get(name)?.trunks;
          return seen !== undefined && new Set(seen).symmetricDifference(present).size === 0 ? true : undefined;
        }, soon());
        expect(view.ports().get(name)?.trunks).toHaveLength(trunks.length);
        expect(view.interfaces().get(name)?.options).toEqual(new Map(Object.entries(options)));
      }
    }
  });

  test("a snapshot never changes", async () => {
    const client = await connect();
    const before = client.table("Port");
    const ovs = await withBridge(client);
    const during = client.table("Port");
    await ovs.commit(() => ovs.addPort({ bridge: "br0", name: "hfp1", interface: { type: "internal" } }), soon());
    expect([before.size, during.size, client.table("Port").size]).toEqual([0, 1, 2]);
    expect([...during.values()].map((row) => row.columns.name)).toEqual(["br0"]);
  });

  test("rows that do not match the monitor's condition are not there", async () => {
    const ovs = await withBridge();
    const monitors = [{ table: "Port", columns: ["name", "tag"], where: [["tag", "==", 42]] as const }];
    const client = await connect({ monitors });
    const port = (tag: number) => () =>
      ovs.addPort({ bridge: "br0", name: "hfp2", tag, interface: { type: "internal" } });
    await ovs.commit(port(41), soon());
    expect(client.table("Port").size).toBe(0);
    await ovs.commit(port(42), soon());
    const row = await client.until((each) => [...each.table("Port").values()][0], soon());
    expect(row.columns).toEqual({ name: "hfp2", tag: [42] });
    await ovs.commit(port(43), soon());
    await client.until((each) => each.table("Port").size === 0 || undefined, soon());
  });

  test("watching gives row changes from now on, until it is aborted", async () => {
    const client = await connect();
    const ovs = await withBridge(client);
    const stop = new AbortController();
    const changes = client.watch(stop.signal);
    await ovs.commit(() => ovs.addPort({ bridge: "br0", name: "hfp3", interface: { type: "internal" } }), soon());
    await ovs.portReady("hfp3", soon());
    await ovs.commit(() => ovs.deletePort("hfp3"), soon());
    stop.abort();
    const seen: RowChange[] = [];
    for await (const change of changes) seen.push(change);
    const ofPort = seen
      .filter(({ table }) => table === "Port")
      .map(({ before, after }) => [before !== undefined, after !== undefined]);
    expect(ofPort).toEqual([
      [false, true],
      [true, false],
    ]);
    expect(
      seen.some(({ table, before, after }) => table === "Interface" && before !== undefined && after !== undefined),
    ).toBe(true);
  });

  test("waiting ends with the signal's reason", async () => {
    const client = await connect();
    const stop = new AbortController();
    const waiting = client.until(() => undefined, stop.signal);
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(client.transact([], stop.signal)).rejects.toThrow("enough");
  });

  test("a missing database, table or column is told at once", async () => {
    const expected = { code: "not_found" };
    await expect(connect({ database: "Nothing", monitors: [] })).rejects.toMatchObject(expected);
    await expect(connect({ monitors: [{ table: "Nothing" }] })).rejects.toMatchObject(expected);
    await expect(connect({ monitors: [{ table: "Port", columns: ["nothing"] }] })).rejects.toMatchObject(expected);
  });
}
