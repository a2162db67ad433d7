import { type HoldfastError, IpAddress } from "@holdfast/core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Action, Flow, FlowKey, Match } from "../flow.ts";
import { flowKey, formatFlow } from "../format.ts";
import type { Meter } from "../meter.ts";
import type { OpenFlowSwitch } from "../switch.ts";
import { SAMPLE_FLOWS, SAMPLE_METER } from "./sample-flows.ts";

/** A switch to examine; the suite removes all its flows before each test. */
export interface SwitchUnderTest extends AsyncDisposable {
  readonly openFlow: OpenFlowSwitch;
  /** The lines of `ovs-ofctl -O OpenFlow14 --no-stats --no-names dump-flows`, trimmed, in any order. */
  text(): Promise<readonly string[]>;
}

const never = new AbortController().signal;
const web = { ethType: 0x0800, ipProto: 6, tcpDst: 80 } as const;
const drop = (key: FlowKey, cookie = 1n): Flow => ({ ...key, cookie, actions: [] });
const flow = (priority: number, actions: readonly Action[] = [], match: Match = {}): Flow => ({
  table: 0,
  priority,
  cookie: 1n,
  match,
  actions,
});

/** What every {@link OpenFlowSwitch} must do: run against the fake and against Open vSwitch. */
export function openFlowCompliance(name: string, start: () => Promise<SwitchUnderTest>): void {
  describe(`${name} as an OpenFlow switch`, () => {
    let subject: SwitchUnderTest;
    let openFlow: OpenFlowSwitch;
    const add = (...flows: readonly Flow[]): Promise<void> => openFlow.apply({ add: flows, remove: [] }, never);
    const remove = (...keys: readonly FlowKey[]): Promise<void> => openFlow.apply({ add: [], remove: keys }, never);
    const dumped = async (): Promise<string[]> => (await openFlow.dump()).map((observed) => formatFlow(observed.flow));
    const refusal = async (work: Promise<unknown>): Promise<Pick<HoldfastError, "code" | "details">> => {
      const error = await work.then(
        () => new Error("was not refused"),
        (reason: HoldfastError) => reason,
      );
      if (!("code" in error)) throw error;
      return error;
    };

    beforeAll(async () => {
      subject = await start();
      openFlow = subject.openFlow;
    });
    afterAll(async () => {
      await subject[Symbol.asyncDispose]();
    });
    beforeEach(async () => {
      await remove(...(await openFlow.dump()).map((observed) => observed.flow));
      for (const { id } of await openFlow.meters()) await openFlow.removeMeter(id);
      await openFlow.setMeter(SAMPLE_METER);
    });

    test("has connected once something was answered", async () => {
      await openFlow.ports();
      expect(openFlow.connected).toBe(true);
    });

    test("gives back every flow as it was sent, so that equal flows have equal texts", async () => {
      await add(...SAMPLE_FLOWS);
      expect((await dumped()).toSorted()).toEqual(SAMPLE_FLOWS.map(formatFlow).toSorted());
    });

    test("prints flows as ovs-ofctl does", async () => {
      await add(...SAMPLE_FLOWS);
      expect((await subject.text()).toSorted()).toEqual(SAMPLE_FLOWS.map(formatFlow).toSorted());
    });

    test("a dumped flow added again changes nothing", async () => {
      await add(...SAMPLE_FLOWS);
      const before = await dumped();
      await add(...(await openFlow.dump()).map((observed) => observed.flow));
      expect(await dumped()).toEqual(before);
    });

    test("a dump is sorted by table, then priority from the highest, then match", async () => {
      await add(...SAMPLE_FLOWS.toReversed());
      const order = (await openFlow.dump()).map(({ flow: { table, priority } }) => [table, -priority] as const);
      expect(order).toEqual(order.toSorted(([a, b], [c, d]) => a - c || b - d));
      const keys = [web, { inPort: 9 }, { inPort: 10 }].map((match) => flow(7, [], match));
      await add(...keys);
      const again = (await openFlow.dump()).filter((observed) => observed.flow.priority === 7);
      expect(again.map((observed) => flowKey(observed.flow))).toEqual(keys.map(flowKey).toSorted());
    });

    test("adding a flow replaces the one with the same key, cookie and all", async () => {
      await add({ ...flow(5, [{ kind: "output", port: 1 }]), cookie: 1n });
      await add({ ...flow(5, [{ kind: "output", port: 2 }]), cookie: 2n });
      expect(await dumped()).toEqual(["cookie=0x2, priority=5 actions=output:2"]);
    });

    test("the same match at another priority or in another table is another flow", async () => {
      await add(flow(5), flow(6), { ...flow(5), table: 1 });
      expect(await openFlow.dump()).toHaveLength(3);
    });

    test("masks that say the same are the same flow", async () => {
      const given = { value: IpAddress.parse("10.1.2.3"), mask: IpAddress.parse("255.0.0.0") };
      const canonical = { value: IpAddress.parse("10.0.0.0"), mask: IpAddress.parse("255.0.0.0") };
      await add(flow(5, [], { ethType: 0x0800, ipDst: given }));
      await add(flow(5, [{ kind: "normal" }], { ethType: 0x0800, ipDst: canonical }));
      expect(await dumped()).toEqual(["cookie=0x1, priority=5,ip,nw_dst=10.0.0.0/8 actions=NORMAL"]);
    });

    test("removing takes exactly the key: neither a wider match nor another priority", async () => {
      await add(flow(5, [], web), flow(5, [], { ethType: 0x0800 }), flow(6, [], web));
      await remove(flow(5, [], web));
      expect(await dumped()).toEqual([
        "cookie=0x1, priority=6,tcp,tp_dst=80 actions=drop",
        "cookie=0x1, priority=5,ip actions=drop",
      ]);
    });

    test("removing looks at no cookie, and removing what is absent is a success", async () => {
      await add({ ...flow(5), cookie: 77n });
      await remove(flow(5), flow(99));
      await remove(flow(5));
      expect(await dumped()).toEqual([]);
    });

    test("what is removed and added in one change is there afterwards", async () => {
      await add(flow(5));
      await openFlow.apply({ remove: [flow(5)], add: [flow(5, [{ kind: "normal" }])] }, never);
      expect(await dumped()).toEqual(["cookie=0x1, priority=5 actions=NORMAL"]);
    });

    test("an empty change is a success", async () => {
      await openFlow.apply({ add: [], remove: [] }, never);
      expect(await dumped()).toEqual([]);
    });

    test("a dump is narrowed by the bits of the cookie under the mask", async () => {
      await add({ ...flow(1), cookie: 0xa1n }, { ...flow(2), cookie: 0xa2n }, { ...flow(3), cookie: 0xb1n });
      const cookies = async (cookie: bigint, mask: bigint): Promise<bigint[]> =>
        (await openFlow.dump({ cookie, mask }))
          .map((observed) => observed.flow.cookie)
          .toSorted((a, b) => Number(a - b));
      expect(await cookies(0xa0n, 0xf0n)).toEqual([0xa1n, 0xa2n]);
      expect(await cookies(0xb1n, 0xffff_ffff_ffff_ffffn)).toEqual([0xb1n]);
      expect(await cookies(0xffn, 0x0fn)).toEqual([]);
    });

    test.each([
      ["a field without its prerequisite", flow(5, [], { tcpDst: 80 }), "OFPBMC_BAD_PREREQ"],
      ["an ARP field of an IP packet", flow(5, [], { ethType: 0x0800, arpOp: 1 }), "OFPBMC_BAD_PREREQ"],
      ["a table that the switch keeps for itself", drop({ table: 254, priority: 1, match: {} }), "OFPBRC_EPERM"],
      ["no table at all", drop({ table: 255, priority: 1, match: {} }), "OFPFMFC_BAD_TABLE_ID"],
      ["a port number that cannot be", flow(5, [{ kind: "output", port: 0x1_0000 }]), "OFPBAC_BAD_OUT_PORT"],
      [
        "an action on a field that the packet need not have",
        flow(5, [{ kind: "set-field", field: "arp_op", value: 2n }]),
        "OFPBAC_MATCH_INCONSISTENT",
      ],
      [
        "a copy from a field that the packet need not have",
        flow(5, [{ kind: "move", from: "nd_sll", to: "eth_dst" }], { ethType: 0x86dd, ipProto: 58 }),
        "OFPBAC_MATCH_INCONSISTENT",
      ],
      ["a hop count of what is not IP", flow(5, [{ kind: "dec-ttl" }]), "OFPBAC_MATCH_INCONSISTENT"],
      [
        "a connection of what is not IP",
        flow(5, [{ kind: "translate", zone: 1, table: 6 }]),
        "OFPBAC_MATCH_INCONSISTENT",
      ],
      ["a tag taken off what has none", flow(5, [{ kind: "pop-vlan" }]), "OFPBAC_MATCH_INCONSISTENT"],
    ])("refuses %s, and says which flow", async (_, bad, error) => {
      const refused = await refusal(add(bad));
      expect(refused).toMatchObject({ code: "switch_rejected", details: { error, flow: formatFlow(bad) } });
      expect(await dumped()).toEqual([]);
    });

    test("a refused flow takes its whole change with it", async () => {
      await add(flow(1));
      const change = { remove: [flow(1)], add: [flow(2), flow(3, [], { tcpDst: 80 }), flow(4)] };
      expect(await refusal(openFlow.apply(change, never))).toMatchObject({ code: "switch_rejected" });
      expect(await dumped()).toEqual(["cookie=0x1, priority=1 actions=drop"]);
    });

    test("of many changes at once only the refused ones fail", async () => {
      const bad = new Set([3, 11, 12]);
      const flows = Array.from({ length: 20 }, (_, index) =>
        flow(100 + index, [], bad.has(index) ? { tcpDst: 80 } : { inPort: 1 }),
      );
      const results = await Promise.allSettled(flows.map((one) => add(one)));
      const failed = results.flatMap((result, index) => (result.status === "rejected" ? [index] : []));
      expect(failed).toEqual([...bad]);
      expect(await openFlow.dump()).toHaveLength(17);
    });

    test("changes at once take effect in the order of the calls", async () => {
      const outputs = Array.from({ length: 30 }, (_, index) => flow(5, [{ kind: "output", port: index + 1 }]));
      await Promise.all(outputs.flatMap((one) => [remove(one), add(one)]));
      expect(await dumped()).toEqual(["cookie=0x1, priority=5 actions=output:30"]);
    });

    test("a value that does not fit its field never reaches the switch", async () => {
      const wide = flow(5, [{ kind: "set-field", field: "arp_op", value: 0x1_0000n }], { ethType: 0x0806 });
      expect(await refusal(add(wide))).toMatchObject({ code: "invalid_argument" });
      expect(await refusal(add(flow(5, [{ kind: "move", from: "eth_src", to: "reg0" }])))).toMatchObject({
        code: "invalid_argument",
      });
      expect(await refusal(add(flow(5, [], { inPort: -1 })))).toMatchObject({ code: "invalid_argument" });
      expect(await refusal(add(flow(65_536)))).toMatchObject({ code: "invalid_argument" });
      expect(await refusal(add({ ...flow(5), table: 256 }))).toMatchObject({ code: "invalid_argument" });
    });

    test("an aborted change is not made", async () => {
      const reason = new Error("enough");
      await expect(openFlow.apply({ add: [flow(5)], remove: [] }, AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(await dumped()).toEqual([]);
    });

    test("sends a frame through actions, and refuses actions that it does not know how to do", async () => {
      const frame = Uint8Array.from({ length: 60 });
      await openFlow.packetOut({ frame, actions: [{ kind: "normal" }] });
      const bad = openFlow.packetOut({ frame, actions: [{ kind: "output", port: 0x1_0000 }] });
      expect(await refusal(bad)).toMatchObject({ code: "switch_rejected", details: { error: "OFPBAC_BAD_OUT_PORT" } });
    });

    test("has meters as they were set last", async () => {
      const packets: Meter = { id: 131_071, unit: "packets", rate: 100, burst: 5 };
      await openFlow.setMeter(packets);
      expect(await openFlow.meters()).toEqual([SAMPLE_METER, packets]);
      await openFlow.setMeter({ ...packets, rate: 1 });
      await openFlow.setMeter({ ...SAMPLE_METER, unit: "packets" });
      expect(await openFlow.meters()).toEqual([
        { ...SAMPLE_METER, unit: "packets" },
        { ...packets, rate: 1 },
      ]);
      await openFlow.removeMeter(packets.id);
      await openFlow.removeMeter(packets.id);
      expect(await openFlow.meters()).toEqual([{ ...SAMPLE_METER, unit: "packets" }]);
    });

    test("refuses a meter that cannot be, by name", async () => {
      const none: Meter = { ...SAMPLE_METER, id: 0 };
      expect(await refusal(openFlow.setMeter(none))).toMatchObject({
        code: "switch_rejected",
        message: expect.stringContaining("meter=0 kbps burst"),
        details: { error: "OFPMMFC_INVALID_METER" },
      });
      expect(await openFlow.meters()).toEqual([SAMPLE_METER]);
    });

    test("refuses a flow whose meter is not there, and takes flows away with their meter", async () => {
      const metered = flow(5, [{ kind: "meter", id: SAMPLE_METER.id }, { kind: "normal" }]);
      const unknown = flow(6, [{ kind: "meter", id: 7 }]);
      expect(await refusal(add(unknown))).toMatchObject({ details: { error: "OFPMMFC_INVALID_METER" } });
      await add(metered, flow(7));
      await openFlow.setMeter({ ...SAMPLE_METER, rate: 1 });
      expect(await dumped()).toHaveLength(2);
      await openFlow.removeMeter(SAMPLE_METER.id);
      expect(await dumped()).toEqual(["cookie=0x1, priority=7 actions=drop"]);
    });

    test("a meter stands first in a flow, and nowhere else", async () => {
      const meter = { kind: "meter", id: SAMPLE_METER.id } as const;
      expect(await refusal(add(flow(5, [{ kind: "normal" }, meter])))).toMatchObject({ code: "invalid_argument" });
      const sent = openFlow.packetOut({ frame: Uint8Array.from({ length: 60 }), actions: [meter] });
      expect(await refusal(sent)).toMatchObject({ code: "invalid_argument" });
    });

    test("names its ports", async () => {
      const ports = await openFlow.ports();
      expect(ports).toContainEqual({ number: 0xffff_fffe, name: expect.stringMatching(/^\S+$/) });
    });
  });
}
