import { silentLogger, systemClock } from "@holdfast/core";
import {
  CONTROLLER_PORT,
  connectOpenFlow,
  type Flow,
  formatFlow,
  type OpenFlowSwitch,
  type PacketIn,
} from "@holdfast/openflow";
import { type RunningOvs, startOvs } from "@holdfast/ovsdb/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectToBridge } from "./bridge.ts";

const signal = new AbortController().signal;
const flow = (priority: number, actions: Flow["actions"] = []): Flow => ({
  table: 0,
  priority,
  cookie: 1n,
  match: {},
  actions,
});

describe("a connection to Open vSwitch", () => {
  let ovs: RunningOvs;
  let openFlow: OpenFlowSwitch;
  let connections = 0;
  beforeAll(async () => {
    ovs = await startOvs();
    openFlow = await connectToBridge(ovs, { signal, onConnected: () => connections++ });
  });
  afterAll(async () => {
    await openFlow.close();
    await ovs.stop();
  });

  test("adding a flow again lets its counters go on", async () => {
    const counters = async (): Promise<bigint[]> => (await openFlow.dump()).map((observed) => observed.packets);
    const counting = { ...flow(1), table: 7 };
    await openFlow.apply({ add: [counting], remove: [] }, signal);
    await openFlow.packetOut({ frame: new Uint8Array(60), actions: [{ kind: "resubmit", table: 7 }] });
    await expect.poll(counters).toEqual([1n]);
    await openFlow.apply({ add: [{ ...counting, actions: [{ kind: "normal" }] }], remove: [] }, signal);
    expect(await counters()).toEqual([1n]);
    await openFlow.apply({ add: [], remove: [counting] }, signal);
  });

  test("a flow that we cannot express is shown, added again unchanged, and removed", async () => {
    const text = "table=3,pkt_mark=5,tcp actions=ct(commit,force),goto_table:4";
    await ovs.exec("ovs-ofctl", "-O", "OpenFlow14", "add-flow", "br0", text);
    const printed = (): Promise<string> => ovs.exec("ovs-ofctl", "-O", "OpenFlow14", "--no-stats", "dump-flows", "br0");
    const before = await printed();
    const [observed, ...others] = await openFlow.dump();
    expect(others).toEqual([]);
    if (observed === undefined) return;
    expect(formatFlow(observed.flow)).toMatch(/^table=3, tcp,oxm=0x\w+ actions=action\(0x\w+\),instruction\(0x\w+\)$/);
    await openFlow.apply({ add: [observed.flow], remove: [] }, signal);
    expect(await printed()).toBe(before);
    await openFlow.apply({ add: [], remove: [observed.flow] }, signal);
    expect(await openFlow.dump()).toEqual([]);
  });

  test("thousands of flows go in one bundle and come back in many parts", async () => {
    const flows = Array.from({ length: 3000 }, (_, index) => flow(index + 1, [{ kind: "output", port: index + 1 }]));
    await openFlow.apply({ add: flows, remove: [] }, signal);
    const observed = await openFlow.dump();
    expect(observed.map(({ flow: one }) => formatFlow(one))).toEqual(flows.toReversed().map(formatFlow));
    await openFlow.apply({ add: [], remove: flows }, signal);
    expect(await openFlow.dump()).toEqual([]);
  });

  test("frames that a flow sends to the controller come with its cookie, also after the switch was killed", async () => {
    const heard: PacketIn[] = [];
    openFlow.listen((packet) => heard.push(packet));
    const asking = { ...flow(1, [{ kind: "output", port: CONTROLLER_PORT }]), table: 8, cookie: 0xabcn };
    const frame = Uint8Array.from({ length: 60 }, (_, index) => index);
    const ask = async (): Promise<void> => {
      await openFlow.apply({ add: [asking], remove: [] }, signal);
      await openFlow.packetOut({ frame, actions: [{ kind: "resubmit", table: 8 }] });
    };
    await ask();
    await expect.poll(() => heard.length).toBe(1);
    expect(heard[0]?.cookie).toBe(0xabcn);
    expect(Buffer.from(heard[0]?.frame ?? []).equals(frame)).toBe(true);
    const before = connections;
    await ovs.restartSwitch("kill");
    await expect.poll(() => connections, { timeout: 5000 }).toBe(before + 1);
    await ask();
    await expect.poll(() => heard.length).toBe(2);
    await openFlow.apply({ add: [], remove: [asking] }, signal);
  });

  test("first fragments have their ports, of every switch that is found", async () => {
    const handling = () => ovs.exec("ovs-ofctl", "-O", "OpenFlow14", "get-frags", ovs.managementSocket("br0"));
    await openFlow.ports();
    expect(await handling()).toContain("nx-match");
    await ovs.exec("ovs-ofctl", "-O", "OpenFlow14", "set-frags", ovs.managementSocket("br0"), "normal");
    const again = connectOpenFlow(
      { logger: silentLogger, clock: systemClock },
      { path: ovs.managementSocket("br0"), signal },
    );
    await again.ports();
    expect(await handling()).toContain("nx-match");
    await again.close();
  });

  test("a killed switch makes work unavailable, and a new one is found again without its flows", async () => {
    await openFlow.apply({ add: [flow(1)], remove: [] }, signal);
    const before = connections;
    const restarted = ovs.restartSwitch("kill");
    await expect
      .poll(() => openFlow.apply({ add: [flow(2)], remove: [] }, signal).catch((error: unknown) => error), {
        interval: 1,
      })
      .toMatchObject({ code: "unavailable" });
    await restarted;
    await expect.poll(() => connections, { timeout: 5000 }).toBe(before + 1);
    expect((await openFlow.dump()).filter((observed) => observed.flow.priority === 1)).toEqual([]);
  });

  test("a bridge without OpenFlow 1.4 is unavailable, and the error says what to change", async () => {
    await ovs.exec(
      "ovs-vsctl",
      "add-br",
      "br1",
      "--",
      "set",
      "bridge",
      "br1",
      "datapath_type=netdev",
      "protocols=OpenFlow13",
    );
    const old = connectOpenFlow(
      { logger: silentLogger, clock: systemClock },
      { path: ovs.managementSocket("br1"), signal },
    );
    await expect(old.dump()).rejects.toThrow("add OpenFlow14 to its column protocols");
    await old.close();
  });
});
