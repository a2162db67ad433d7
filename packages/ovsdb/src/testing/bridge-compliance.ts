import { expect, test } from "vitest";
import { createOpenVSwitch } from "../open-vswitch.ts";
import { type OvsdbFixture, soon } from "./ovsdb-fixture.ts";

/** The bridges of the switch's typed rows: made, changed, and named with external ids. */
export function bridgeCompliance({ connect, withBridge }: OvsdbFixture): void {
  test("a bridge has its local port, and an id once the switch has made it", async () => {
    const ovs = createOpenVSwitch(await connect());
    const options = {
      name: "br0",
      datapathType: "netdev",
      failMode: "secure",
      externalIds: { owner: "a b" },
    } as const;
    const sequence = await ovs.commit(() => ovs.addBridge(options), soon());
    await ovs.configured(sequence, soon());
    const bridge = ovs.bridges().get("br0");
    expect(bridge).toMatchObject({ datapathType: "netdev", failMode: "secure", protocols: [] });
    expect(bridge?.datapathId).toMatch(/^[0-9a-f]{16}$/);
    expect(bridge?.externalIds).toEqual(new Map([["owner", "a b"]]));
    expect(ovs.interfaces().get("br0")).toMatchObject({ type: "internal", ofport: 65534 });
    expect(ovs.bridgeOf("br0")).toBe(bridge);
  });

  test("a bridge comes with its ports in one transaction", async () => {
    const client = await connect();
    const ovs = createOpenVSwitch(client);
    const tunnel = { type: "vxlan", options: { remote_ip: "flow", key: "flow" } };
    const bridge = { name: "br0", datapathType: "netdev", ports: [{ name: "vx0", interface: tunnel }] } as const;
    const sequence = await ovs.commit(() => ovs.addBridge(bridge), soon());
    expect([...ovs.ports().keys()].toSorted()).toEqual(["br0", "vx0"]);
    expect((await ovs.portReady("vx0", soon(), sequence)).ofport).toBeGreaterThan(0);
    expect(ovs.addBridge(bridge)).toEqual([]);
  });

  test("a bridge and an internal port have the MAC address and MTU that were asked for", async () => {
    const client = await connect();
    const ovs = createOpenVSwitch(client);
    const [mac, mac2] = ["02:00:00:00:00:2a", "02:00:00:00:00:2b"];
    const ports = [{ name: "hfp9", interface: { type: "internal", mac: mac2, mtuRequest: 1400 } }];
    const bridge = { name: "br0", datapathType: "netdev", mac, local: { mtuRequest: 1300 }, ports } as const;
    await ovs.commit(() => ovs.addBridge(bridge), soon());
    for (const [name, address, mtu] of [
      ["br0", mac, 1300],
      ["hfp9", mac2, 1400],
    ] as const) {
      await client.until(() => {
        const row = ovs.interfaces().get(name);
        return (row?.macInUse === address && row.mtu === mtu) || undefined;
      }, soon());
    }
    expect(ovs.addBridge(bridge)).toEqual([]);
  });

  test("a bridge's local port is not deleted alone", async () => {
    const ovs = await withBridge();
    expect(() => ovs.deletePort("br0")).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  });

  test("external ids of others stay", async () => {
    const ovs = await withBridge();
    const set = (ids: Record<string, string | undefined>) =>
      ovs.commit(() => ovs.setExternalIds({ table: "Bridge", name: "br0", set: ids }), soon());
    await set({ a: "1", b: "2", c: "3" });
    await set({ b: undefined, c: "4" });
    expect(ovs.bridges().get("br0")?.externalIds).toEqual(
      new Map([
        ["a", "1"],
        ["c", "4"],
      ]),
    );
    expect(ovs.setExternalIds({ table: "Bridge", name: "br0", set: { a: "1", b: undefined } })).toEqual([]);
  });
}
