import { IpAddress, MacAddress, systemClock } from "@holdfast/core";
import { FakeSwitch } from "@holdfast/openflow/testing";
import { describe, expect, test } from "vitest";
import type { AddressQuestion } from "../../driver.ts";
import type { Table } from "../../reconcile/table.ts";
import { announcementFrames, learningFrame } from "./announcement.ts";
import { ConflictProbe } from "./conflict-probe.ts";
import type { FlowRow } from "./flow-row.ts";
import { cookieOf } from "./pipeline/layout.ts";
import type { NetworkParty } from "./pipeline/parties.ts";

const NODE = MacAddress.parse("0e:00:00:00:00:01");
const OWN = MacAddress.parse("02:64:0a:14:00:09");
const OTHER = MacAddress.parse("52:54:00:00:00:09");
const address = IpAddress.parse("10.20.0.9");
const never = new AbortController().signal;
const vlan: NetworkParty = { number: 7, reach: { kind: "vlan", vlan: 100 } };
const question: AddressQuestion = { network: "n7", addresses: [address], mac: OWN, probes: 3, milliseconds: 60 };

function start(settled: () => Promise<void> = async () => undefined) {
  const fake = new FakeSwitch();
  const rows = new Map<string, FlowRow>();
  const flows = {
    set: (row: FlowRow) => void rows.set(row.key, row),
    delete: (key: string) => void rows.delete(key),
    settled,
  } as unknown as Table<FlowRow>;
  const probe = new ConflictProbe({ connection: fake, flows, clock: systemClock, random: () => 0.5, mac: NODE });
  const hear = (mac: MacAddress, cookie = cookieOf("probe", 7)): void =>
    fake.packetIn({ cookie, match: {}, frame: announcementFrames(mac, [address])[1] ?? new Uint8Array() });
  return { fake, rows, probe, hear };
}

describe("asking who has an address", () => {
  test("sends as many questions as it was told, with the VLAN's tag, and leaves no flow", async () => {
    const { fake, rows, probe } = start();
    const asked = probe.ask(vlan, question, never);
    expect([...rows.values()].map(({ text }) => text)).toEqual([
      "cookie=0x484f4c4406000007, priority=120,arp,in_port=1,dl_vlan=100,arp_spa=10.20.0.9 actions=pop_vlan,CONTROLLER:65535,set_field:0x7->reg0,set_field:0x2->reg1,resubmit(,20)",
      "cookie=0x484f4c4406000007, priority=120,arp,in_port=1,dl_vlan=100,arp_spa=0.0.0.0,arp_tpa=10.20.0.9,arp_op=1 actions=pop_vlan,CONTROLLER:65535,set_field:0x7->reg0,set_field:0x2->reg1,resubmit(,20)",
    ]);
    expect(await asked).toEqual([]);
    expect(fake.sent.map(({ actions }) => actions)).toEqual(
      Array.from({ length: 3 }, () => "push_vlan:0x8100,set_field:4196->vlan_vid,output:1"),
    );
    expect(rows.size).toBe(0);
  });

  test.each([
    ["another machine's answer is a conflict", OTHER, undefined, 1],
    ["the endpoint's own MAC is not", OWN, undefined, 0],
    ["the node's own question is not", NODE, undefined, 0],
    ["nor is what is said in another network", OTHER, cookieOf("probe", 8), 0],
  ])("%s", async (_, mac, cookie, conflicts) => {
    const { probe, hear } = start();
    const asked = probe.ask(vlan, question, never);
    hear(mac, cookie);
    expect(await asked).toHaveLength(conflicts);
  });

  test("what cannot be read and what is about another address is no answer", async () => {
    const { fake, probe } = start();
    const asked = probe.ask(vlan, question, never);
    const about = announcementFrames(OTHER, [IpAddress.parse("10.20.0.10")])[0] ?? new Uint8Array();
    for (const frame of [new Uint8Array(3), learningFrame(OTHER), about])
      fake.packetIn({ cookie: cookieOf("probe", 7), match: {}, frame });
    expect(await asked).toEqual([]);
  });

  test("is unavailable at once without an uplink, and without a connection to the switch", async () => {
    const { fake, probe } = start();
    const overlay: NetworkParty = { number: 8, reach: { kind: "local" } };
    await expect(probe.ask(overlay, question, never)).rejects.toMatchObject({ code: "unavailable" });
    fake.disconnect();
    await expect(probe.ask(vlan, question, never)).rejects.toMatchObject({ code: "unavailable" });
    const hanging = start(() => new Promise(() => undefined));
    hanging.fake.disconnect();
    const since = performance.now();
    await expect(hanging.probe.ask(vlan, question, never)).rejects.toMatchObject({ code: "unavailable" });
    expect(performance.now() - since).toBeLessThan(200);
  });

  test("is unavailable soon when the switch does not take the flows, refuses the frame, or keeps silent", async () => {
    const hanging = start(() => new Promise(() => undefined));
    const signalled = start(async () => {
      throw new DOMException("late", "TimeoutError");
    });
    const refusing = start();
    refusing.fake.failNext("packetOut", "OFPBRC_BAD_PORT");
    const silent = start();
    silent.fake.packetOut = () => new Promise(() => undefined);
    for (const { probe } of [hanging, signalled, refusing, silent]) {
      await expect(probe.ask(vlan, question, never)).rejects.toMatchObject({ code: "unavailable" });
    }
  });

  test("ends with its caller, for the caller's reason", async () => {
    const { probe, rows } = start();
    const caller = new AbortController();
    const asked = probe.ask(vlan, { ...question, milliseconds: 10_000 }, caller.signal);
    caller.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
    expect(rows.size).toBe(0);
  });
});
