import { expect, test } from "vitest";
import { createOpenVSwitch } from "../open-vswitch.ts";
import type { OvsdbOperation } from "../ovsdb.ts";
import { isConflict } from "../transaction.ts";
import { type OvsdbFixture, soon } from "./ovsdb-fixture.ts";

/** Transactions: what is refused, what is a conflict, and what a select gives. */
export function transactionCompliance({ connect, device, withBridge }: OvsdbFixture): void {
  test("two clients that add the same port at once both succeed, and there is one", async () => {
    const client = await connect();
    const [one, two] = [await withBridge(client), createOpenVSwitch(await connect())];
    const name = await device();
    await Promise.all(
      [one, two].map((ovs, index) =>
        ovs.commit(() => ovs.addPort({ bridge: "br0", name, externalIds: { [`from${index}`]: "yes" } }), soon()),
      ),
    );
    await client.until(() => one.ports().get(name)?.externalIds.size === 2 || undefined, soon());
    expect([...(one.ports().get(name)?.externalIds.keys() ?? [])].toSorted()).toEqual(["from0", "from1"]);
    expect((await one.portReady(name, soon())).ofport).toBeGreaterThan(0);
  });

  test("operations for a state that has passed are a conflict, and change nothing", async () => {
    const client = await connect();
    const ovs = await withBridge(client);
    const port = { bridge: "br0", name: "hfp5", interface: { type: "internal" } } as const;
    const outcome = (operations: readonly OvsdbOperation[]): Promise<unknown> =>
      client.transact(operations, soon()).catch((error: unknown) => error);
    const add = ovs.addPort(port);
    await ovs.commit(() => ovs.addPort(port), soon());
    expect(isConflict(await outcome(add))).toBe(true);
    const change = ovs.addPort({ ...port, tag: 9 });
    const name = ovs.setExternalIds({ table: "Interface", name: "hfp5", set: { a: "1" } });
    await ovs.commit(() => ovs.deletePort("hfp5"), soon());
    expect(isConflict(await outcome(change))).toBe(true);
    expect(isConflict(await outcome(name))).toBe(true);
    const again = ovs.addPort(port);
    await ovs.commit(() => ovs.deleteBridge("br0"), soon());
    expect(isConflict(await outcome(again))).toBe(true);
    expect([ovs.bridges().size, ovs.ports().size]).toEqual([0, 0]);
  });

  test("a refusal at commit names no operation, and nothing has changed", async () => {
    const client = await connect();
    await withBridge(client);
    const insert = (table: string, row: object, named: string): OvsdbOperation => ({
      op: "insert",
      table,
      row: { ...row },
      named,
    });
    const [bridge] = client.table("Bridge").values();
    const operations: OvsdbOperation[] = [
      insert("Interface", { name: "twin" }, "i"),
      insert("Port", { name: "br0", interfaces: [{ named: "i" }] }, "p"),
      {
        op: "mutate",
        table: "Bridge",
        where: [["_uuid", "==", { uuid: bridge?.uuid ?? "" }]],
        mutations: [["ports", "insert", [{ named: "p" }]]],
      },
    ];
    await expect(client.transact(operations, soon())).rejects.toMatchObject({
      code: "switch_rejected",
      details: { operation: 3, error: "constraint violation" },
    });
    expect([...client.table("Interface").values()].map((row) => row.columns.name)).toEqual(["br0"]);
  });

  test("a refused operation is named with its table, and nothing has changed", async () => {
    const client = await connect();
    const ovs = await withBridge(client);
    const where = [["name", "==", "br0"]] as const;
    const operations: OvsdbOperation[] = [
      { op: "mutate", table: "Bridge", where, mutations: [["external_ids", "insert", new Map([["k", "v"]])]] },
      { op: "update", table: "Port", where, row: { tag: [5000] } },
      { op: "select", table: "Port", where },
    ];
    await expect(client.transact(operations, soon())).rejects.toMatchObject({
      code: "switch_rejected",
      details: { operation: 1, table: "Port", error: "constraint violation" },
    });
    expect(ovs.bridges().get("br0")?.externalIds.size).toBe(0);
  });

  test("a condition that does not hold is a conflict", async () => {
    const client = await connect();
    const wait: OvsdbOperation = {
      op: "wait",
      table: "Bridge",
      where: [["name", "==", "none"]],
      columns: ["name"],
      until: "==",
      rows: [{ name: "none" }],
    };
    const error: unknown = await client.transact([wait], soon()).catch((reason: unknown) => reason);
    expect(isConflict(error)).toBe(true);
    expect(await client.transact([{ ...wait, until: "!=" }], soon())).toEqual([{}]);
  });

  test("a select gives decoded rows", async () => {
    const client = await connect();
    await withBridge(client);
    const select: OvsdbOperation = {
      op: "select",
      table: "Port",
      where: [["name", "==", "br0"]],
      columns: ["name", "tag", "external_ids"],
    };
    const [result] = await client.transact([select], soon());
    const uuid = [...client.table("Port").keys()][0];
    expect(result?.rows).toEqual([{ uuid, columns: { name: "br0", tag: [], external_ids: new Map() } }]);
  });
}
