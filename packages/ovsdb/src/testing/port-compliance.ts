import { expect, test } from "vitest";
import { type OvsdbFixture, soon } from "./ovsdb-fixture.ts";

/** The ports of the switch's typed rows and their interfaces: added, changed and deleted. */
export function portCompliance({ connect, device, nextDevice, withBridge }: OvsdbFixture): void {
  test("a port gets the number that was asked for", async () => {
    const ovs = await withBridge();
    const name = await device();
    const sequence = await ovs.commit(
      () =>
        ovs.addPort({
          bridge: "br0",
          name,
          tag: 100,
          externalIds: { endpoint: "e1" },
          interface: { ofportRequest: 4711, externalIds: { "iface-id": "x" } },
        }),
      soon(),
    );
    expect(await ovs.portReady(name, soon(), sequence)).toMatchObject({ name, ofport: 4711, ofportRequest: 4711 });
    expect(ovs.ports().get(name)).toMatchObject({ tag: 100, trunks: [], externalIds: new Map([["endpoint", "e1"]]) });
    expect(ovs.interfaces().get(name)?.externalIds).toEqual(new Map([["iface-id", "x"]]));
    expect(ovs.bridgeOf(name)?.name).toBe("br0");
  });

  test("adding what is there already is no transaction", async () => {
    const ovs = await withBridge();
    const port = { bridge: "br0", name: await device(), trunks: [10, 20], externalIds: { a: "1" } } as const;
    await ovs.commit(() => ovs.addPort(port), soon());
    expect(ovs.addPort(port)).toEqual([]);
    expect(ovs.addBridge({ name: "br0", datapathType: "netdev" })).toEqual([]);
  });

  test("adding a port that differs changes it, and it keeps its number", async () => {
    const ovs = await withBridge();
    const name = await device();
    const first = await ovs.commit(
      () => ovs.addPort({ bridge: "br0", name, tag: 7, externalIds: { a: "1", b: "2" } }),
      soon(),
    );
    const before = await ovs.portReady(name, soon(), first);
    const second = await ovs.commit(
      () => ovs.addPort({ bridge: "br0", name, trunks: [1, 2], vlanMode: "trunk", externalIds: { b: "3" } }),
      soon(),
    );
    await ovs.configured(second, soon());
    const port = ovs.ports().get(name);
    expect(port).toMatchObject({ trunks: [1, 2], vlanMode: "trunk" });
    expect(port).not.toHaveProperty("tag");
    expect(port?.externalIds).toEqual(
      new Map([
        ["a", "1"],
        ["b", "3"],
      ]),
    );
    expect(ovs.interfaces().get(name)).toMatchObject({ uuid: before.uuid, ofport: before.ofport });
  });

  test("a port without a device is refused in the switch's words, and comes up when the device does", async () => {
    const client = await connect();
    const ovs = await withBridge(client);
    const name = nextDevice();
    const sequence = await ovs.commit(() => ovs.addPort({ bridge: "br0", name }), soon());
    await expect(ovs.portReady(name, soon(), sequence)).rejects.toMatchObject({
      code: "switch_rejected",
      message: expect.stringMatching(/could not open network device .*No such device/),
    });
    await device();
    await client.until(() => Number(ovs.interfaces().get(name)?.ofport) > 0 || undefined, soon());
    expect(ovs.interfaces().get(name)).not.toHaveProperty("error");
  });

  test("a deleted port takes its interface with it, and deleting it again is no transaction", async () => {
    const ovs = await withBridge();
    const name = await device();
    await ovs.commit(() => ovs.addPort({ bridge: "br0", name }), soon());
    await ovs.commit(() => ovs.deletePort(name), soon());
    expect(ovs.ports().has(name)).toBe(false);
    expect(ovs.interfaces().has(name)).toBe(false);
    expect(ovs.deletePort(name)).toEqual([]);
    await ovs.commit(() => ovs.deleteBridge("br0"), soon());
    expect([ovs.bridges().size, ovs.ports().size, ovs.interfaces().size]).toEqual([0, 0, 0]);
    expect(ovs.deleteBridge("br0")).toEqual([]);
  });

  test("a port stays on its bridge, and a bridge must exist", async () => {
    const ovs = await withBridge();
    await ovs.commit(() => ovs.addBridge({ name: "br1", datapathType: "netdev" }), soon());
    await ovs.commit(() => ovs.addPort({ bridge: "br0", name: "hfp0", interface: { type: "internal" } }), soon());
    const add = (bridge: string) => () => ovs.addPort({ bridge, name: "hfp0", interface: { type: "internal" } });
    expect(add("br1")).toThrow(expect.objectContaining({ code: "already_exists", details: { bridge: "br0" } }));
    expect(add("br2")).toThrow(expect.objectContaining({ code: "not_found" }));
  });
}
