import { silentLogger, systemClock } from "@holdfast/core";
import { describe, expect, onTestFinished, test } from "vitest";
import { connectOvsdb } from "../connect-ovsdb.ts";
import { createOpenVSwitch, type OpenVSwitch } from "../open-vswitch.ts";
import { OPEN_VSWITCH_MONITORS } from "../open-vswitch-rows.ts";
import { type FakeOvsdbOptions, type FakeOvsdbServer, startFakeOvsdbServer } from "./fake-ovsdb-server.ts";
import { type OvsdbSubject, ovsdbCompliance } from "./ovsdb-compliance.ts";

async function startFake(options: FakeOvsdbOptions): Promise<OvsdbSubject> {
  const devices = new Set<string>();
  const fake = await startFakeOvsdbServer({ ...options, deviceExists: (name) => devices.has(name) });
  return {
    path: fake.path,
    async addDevice(name) {
      devices.add(name);
      fake.devicesChanged();
    },
    async restartDatabase() {
      fake.dropConnections();
    },
    [Symbol.asyncDispose]: () => fake.stop(),
  };
}

ovsdbCompliance("a fake server", () => startFake({}));
ovsdbCompliance("a fake server without history", () => startFake({ history: 0 }));
ovsdbCompliance("a fake server that knows monitor_cond", () =>
  startFake({ monitorMethods: ["monitor", "monitor_cond"] }),
);
ovsdbCompliance("a fake server that knows RFC 7047 only", () => startFake({ monitorMethods: ["monitor"] }));

describe("a fake switch", () => {
  const soon = (): AbortSignal => AbortSignal.timeout(4000);
  const start = async (options: FakeOvsdbOptions = {}): Promise<{ fake: FakeOvsdbServer; ovs: OpenVSwitch }> => {
    const fake = await startFakeOvsdbServer(options);
    const client = await connectOvsdb(
      { logger: silentLogger, clock: systemClock },
      { path: fake.path, database: "Open_vSwitch", monitors: OPEN_VSWITCH_MONITORS, signal: soon() },
    );
    onTestFinished(async () => {
      await client.close();
      await fake.stop();
    });
    return { fake, ovs: createOpenVSwitch(client) };
  };
  const bridge = { name: "br-int", datapathType: "netdev" } as const;

  test("prints what ovs-vsctl show would", async () => {
    const { fake, ovs } = await start({ deviceExists: (name) => name !== "veth9" });
    const tunnel = { type: "vxlan", options: { key: "flow", remote_ip: "flow" } };
    await ovs.commit(
      () =>
        ovs.addBridge({
          ...bridge,
          failMode: "secure",
          externalIds: { owner: "holdfast", "node-id": "a b" },
          ports: [
            { name: "veth1", tag: 100, interface: { externalIds: { "iface-id": "redis-0" } } },
            { name: "veth9", trunks: [20] },
            { name: "vx0", interface: tunnel },
          ],
        }),
      soon(),
    );
    await ovs.portReady("veth1", soon());
    expect(String(fake)).toMatchInlineSnapshot(`
      "00000000-0000-4000-8000-000000000001
          Bridge br-int
              fail_mode: secure
              datapath_type: netdev
              external_ids: {node-id="a b", owner=holdfast}
              Port br-int
                  Interface br-int
                      type: internal
              Port veth1
                  tag: 100
                  Interface veth1
                      external_ids: {iface-id=redis-0}
              Port veth9
                  trunks: [20]
                  Interface veth9
                      error: "could not open network device veth9 (No such device)"
              Port vx0
                  Interface vx0
                      type: vxlan
                      options: {key=flow, remote_ip=flow}
          ovs_version: "3.1.0""
    `);
  });

  test("fails the next transaction where it is told to", async () => {
    const { fake, ovs } = await start();
    const add = (): Promise<number> => ovs.commit(() => ovs.addBridge(bridge), soon());
    fake.failNext({ error: "constraint violation", details: "too many", operation: 1 });
    await expect(add()).rejects.toMatchObject({
      code: "switch_rejected",
      message: expect.stringContaining("constraint violation: too many"),
      details: { operation: 1, table: "Port", error: "constraint violation", details: "too many" },
    });
    fake.failNext({ error: "I/O error", operation: 99 });
    await expect(add()).rejects.toMatchObject({ message: expect.stringContaining("at commit: I/O error") });
    expect(fake.rows("Bridge")).toEqual([]);
    await add();
    expect(fake.rows("Bridge")).toHaveLength(1);
  });

  test("gives no numbers while its switch is paused", async () => {
    const { fake, ovs } = await start();
    fake.pauseSwitch();
    const sequence = await ovs.commit(() => ovs.addBridge(bridge), soon());
    await expect(ovs.configured(sequence, AbortSignal.timeout(50))).rejects.toMatchObject({ name: "TimeoutError" });
    expect(ovs.interfaces().get("br-int")).not.toHaveProperty("ofport");
    fake.resumeSwitch();
    await ovs.configured(sequence, soon());
    expect((await ovs.portReady("br-int", soon())).ofport).toBe(65534);
  });

  test("a number from before the change does not count", async () => {
    const { fake, ovs } = await start();
    const port = (ofportRequest: number) => ({ name: "veth1", interface: { ofportRequest } });
    const first = await ovs.commit(() => ovs.addBridge({ ...bridge, ports: [port(7)] }), soon());
    expect((await ovs.portReady("veth1", soon(), first)).ofport).toBe(7);
    fake.pauseSwitch();
    const second = await ovs.commit(() => ovs.addPort({ bridge: "br-int", ...port(8) }), soon());
    const ready = ovs.portReady("veth1", soon(), second);
    fake.resumeSwitch();
    expect((await ready).ofport).toBe(8);
  });

  test("an error from before the change does not count", async () => {
    let exists = false;
    const { fake, ovs } = await start({ deviceExists: () => exists });
    const first = await ovs.commit(() => ovs.addBridge({ ...bridge, ports: [{ name: "veth1" }] }), soon());
    await expect(ovs.portReady("veth1", soon(), first)).rejects.toMatchObject({ code: "switch_rejected" });
    fake.pauseSwitch();
    exists = true;
    const second = await ovs.commit(() => ovs.addPort({ bridge: "br-int", name: "veth1", tag: 5 }), soon());
    const ready = ovs.portReady("veth1", soon(), second);
    fake.resumeSwitch();
    expect((await ready).ofport).toBe(1);
  });
});
