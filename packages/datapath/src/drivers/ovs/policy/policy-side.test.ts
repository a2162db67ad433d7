import { Cidr, HoldfastError, IpAddress, silentLogger, systemClock } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import type { ConnectionTuple } from "@holdfast/openflow";
import { FakeSwitch } from "@holdfast/openflow/testing";
import { beforeEach, describe, expect, test } from "vitest";
import { from, having, NO_CHANGE, prefixSet, program, REALM_SETS, rule, tcp } from "../../../testing/policy-parties.ts";
import { ANSWERER } from "./layout.ts";
import { PolicySide } from "./policy-side.ts";
import type { TrackedConnection } from "./tracked-connections.ts";

const never = new AbortController().signal;
const CLIENTS = "group/default/clients/v4";
const web = program("default/web", {
  ingress: { main: [[rule("rule/web", "allow", { remote: from(CLIENTS), services: [tcp(80)] })]], end: "deny" },
});
const open = program("default/open", {});
const ALL = { ...NO_CHANGE, sets: [...REALM_SETS, prefixSet(CLIENTS, ["10.20.0.6/32"])], programs: [web, open] };
const PORT = { port: 1000, addresses: [IpAddress.parse("10.20.0.5")] };

describe("policies in a switch", () => {
  let flows: FakeSwitch;
  let tracked: TrackedConnection[];
  let settle: () => Promise<void>;
  let side: PolicySide;
  let clock: ManualClock;
  const create = async (): Promise<PolicySide> => {
    const dependencies = {
      connection: flows,
      clock,
      logger: silentLogger,
      signal: AbortSignal.timeout(5000),
    };
    const made = new PolicySide({
      ...dependencies,
      tracking: { list: async () => tracked, settled: () => settle() },
    });
    await made.start(never);
    return made;
  };
  const incoming = (source: string, destinationPort: number, zone = 33_768): ConnectionTuple => {
    const [from, destination] = [IpAddress.parse(source), IpAddress.parse("10.20.0.5")];
    return { zone, source: from, destination, protocol: 6, sourcePort: 40_000, destinationPort };
  };
  beforeEach(async () => {
    flows = new FakeSwitch();
    clock = new ManualClock();
    tracked = [];
    settle = async () => {};
    side = await create();
    await side.applyPolicy(ALL, never);
    await side.bind("a", { ...PORT, programs: { program: open.id } }, false, never);
  });

  test("a change is one bundle", async () => {
    const before = flows.bundles;
    const edit = { id: CLIENTS, remove: [], add: [Cidr.parse("10.20.0.7/32")] };
    const shut = program(web.id, { ingress: { end: "deny" } });
    await side.applyPolicy(
      { ...NO_CHANGE, setEdits: [edit], programs: [shut], endpoints: [having("a", web.id)] },
      never,
    );
    expect(flows.bundles).toBe(before + 1);
  });

  test("who has none any more keeps its flows until no packet is led to them", async () => {
    let left = "";
    settle = async () => {
      left = String(flows);
    };
    await side.release("a", never);
    expect(left).toContain("table=12, priority=100,ip,in_port=1000");
    expect(String(flows)).not.toContain("in_port=1000");
    left = "";
    await side.release("a", never);
    expect(left).toBe("");
  });

  test("without a policy everything may begin, and what is counted is looked up again", async () => {
    await side.bind("b", { port: 1001, addresses: [], counted: true }, true, never);
    const own = String(flows)
      .split("\n")
      .filter((line) => line.includes("in_port=1001"));
    expect(own.map((line) => line.replace(/cookie=\S+ /, ""))).toContain(
      "table=13, priority=115,ct_state=+new+trk,ip,in_port=1001 actions=ct(commit,zone=NXM_NX_CT_ZONE[],exec(set_field:0x2->ct_mark)),resubmit(,25)",
    );
    // What was begun by the other end before anybody looked is marked so: a policy may come later.
    expect(own.map((line) => line.replace(/cookie=\S+ /, ""))).toContain(
      "table=13, priority=116,ct_state=+new+trk,tcp,in_port=1001,tp_src=0x0/0x8000,tp_dst=0x8000/0x8000,tcp_flags=-syn actions=ct(commit,zone=NXM_NX_CT_ZONE[],exec(set_field:0x1->ct_mark)),resubmit(,25)",
    );
    expect(own.join("\n")).toMatch(/table=25, priority=100,ip,in_port=1001 actions=ct\(table=26,zone=33769\)/);
    tracked = [incoming("10.20.0.6", 80, 33_769)];
    await side.applyPolicy({ ...NO_CHANGE, endpoints: [having("b", web.id)] }, never);
    expect(flows.forgotten).toEqual([]);
  });

  test("what tells of packets has its meter, also in a switch that was given back its flows alone", async () => {
    const logged = program("default/logged", {
      ingress: { main: [[rule("rule/log", "allow", { log: true })]], end: "deny" },
    });
    const log = { write: async () => undefined, linkName: String };
    const create = async () => {
      const tracking = { list: async () => tracked, settled: () => settle() };
      const made = new PolicySide({ connection: flows, clock, logger: silentLogger, signal: never, tracking, log });
      await made.start(never);
      return made;
    };
    const change = { ...ALL, programs: [...ALL.programs, logged] };
    const told = await create();
    await told.applyPolicy(change, never);
    const [meter, ...others] = await flows.meters();
    expect(others).toEqual([]);
    const lose = () => flows.removeMeter(meter?.id ?? 0);
    await lose();
    told.reconnected();
    await expect.poll(() => flows.meters()).toEqual([meter]);
    await lose();
    await create();
    expect(await flows.meters()).toEqual([meter]);
    const before = flows.log.length;
    const again = await create();
    await again.applyPolicy(change, never);
    expect(flows.log.slice(before)).toEqual([]);
  });

  test("a refused change leaves what was in force, and the next one goes through", async () => {
    const before = String(flows);
    flows.failNext("apply", "OFPFMFC_TABLE_FULL");
    const change = { ...NO_CHANGE, endpoints: [having("a", web.id)], sets: [prefixSet(CLIENTS, ["10.20.0.9/32"])] };
    await expect(side.applyPolicy(change, never)).rejects.toMatchObject({ code: "switch_rejected" });
    expect(side.status()).toMatchObject([{ row: "policies", state: "error", attempts: 1 }]);
    await side.applyPolicy(NO_CHANGE, never);
    expect(String(flows)).toBe(before);
    expect(side.status()).toEqual([]);
    await side.applyPolicy(change, never);
    expect(String(flows)).not.toBe(before);
  });

  test("connections that are denied now are cut, and no others", async () => {
    const [kept, otherPort, otherRemote, otherZone] = [
      incoming("10.20.0.6", 80),
      incoming("10.20.0.6", 81),
      incoming("10.20.0.7", 80),
      incoming("10.20.0.7", 81, 1000),
    ];
    const begun = { ...kept, source: kept.destination, destination: kept.source, destinationPort: 9 };
    tracked = [kept, otherPort, otherRemote, otherZone, begun];
    await side.applyPolicy({ ...NO_CHANGE, endpoints: [having("a", web.id)] }, never);
    expect(flows.forgotten).toEqual([otherPort, otherRemote]);
    const edit = { id: CLIENTS, remove: [Cidr.parse("10.20.0.6/32")], add: [] };
    tracked = [kept, begun];
    await side.applyPolicy({ ...NO_CHANGE, setEdits: [edit] }, never);
    expect(flows.forgotten).toEqual([otherPort, otherRemote, kept]);
  });

  test("echoes of ICMPv6 are none that the switch is told to forget", async () => {
    const [source, destination] = [IpAddress.parse("fd00:20::6"), IpAddress.parse("fd00:20::5")];
    tracked = [{ zone: 33_768, source, destination, protocol: 58, icmp: { id: 1, type: 128, code: 0 } }];
    await side.applyPolicy({ ...NO_CHANGE, endpoints: [having("a", web.id)] }, never);
    expect(flows.forgotten).toEqual([]);
    expect(String(flows)).toMatch(/priority=125,ct_state=\+est-rpl\+trk,icmp6,in_port=1000,icmp_type=128/);
  });

  test("one that was picked up from who answers is the other end's", async () => {
    const answer = (sourcePort: number): TrackedConnection => {
      const { source, destination, ...rest } = incoming("10.20.0.6", 40_000);
      return { ...rest, source: destination, destination: source, sourcePort, mark: ANSWERER };
    };
    tracked = [answer(80), answer(81)];
    await side.applyPolicy({ ...NO_CHANGE, endpoints: [having("a", web.id)] }, never);
    expect(flows.forgotten).toEqual([answer(81)]);
  });

  test("one that begins while the switch still treats packets as before is cut before the change is done", async () => {
    const late = incoming("10.20.0.7", 80);
    settle = async () => {
      tracked = [late];
    };
    await side.applyPolicy({ ...NO_CHANGE, endpoints: [having("a", web.id)] }, never);
    expect(flows.forgotten).toEqual([late]);
  });

  test("a change that nobody could wait for is waited for when it comes again", async () => {
    let times = 0;
    settle = async () => {
      times += 1;
      if (times === 1) throw new HoldfastError("unavailable", "the switch is busy");
    };
    const change = { ...NO_CHANGE, endpoints: [having("a", web.id)] };
    await expect(side.applyPolicy(change, never)).rejects.toThrow("busy");
    await side.applyPolicy(change, never);
    expect(times).toBe(2);
  });

  test("a change that comes before the endpoints of an earlier run do is waited for, too", async () => {
    let times = 0;
    settle = async () => {
      times += 1;
    };
    side = await create();
    await side.applyPolicy(ALL, never);
    expect(times).toBe(0);
    side = await create();
    await side.applyPolicy({ ...ALL, programs: [program(open.id, { ingress: { end: "deny" } }), web] }, never);
    expect(times).toBe(1);
  });

  test("a change that concerns nobody here asks for no connections", async () => {
    let asked = 0;
    const dependencies = { connection: flows, clock: systemClock, logger: silentLogger, signal: never };
    const idle = new PolicySide({
      ...dependencies,
      tracking: {
        list: async () => {
          asked += 1;
          return [];
        },
        settled: async () => {},
      },
    });
    await idle.start(never);
    await idle.applyPolicy(ALL, never);
    expect(asked).toBe(0);
  });

  test("a restarted agent changes nothing, and what is gone goes in the end", async () => {
    await side.bind("b", { ...PORT, port: 1001, programs: { program: web.id } }, false, never);
    const [before, changes] = [String(flows), flows.log.length];
    side = await create();
    await side.applyPolicy(ALL, never);
    await side.bind("a", { ...PORT, programs: { program: open.id } }, true, never);
    expect(flows.log.slice(changes)).toEqual([]);
    expect(String(flows)).toBe(before);
    await side.complete(never);
    expect(flows.log.slice(changes).every((line) => line.startsWith("del "))).toBe(true);
    expect(String(flows)).not.toMatch(/in_port=1001|reg3=0x3e9/);
  });

  test("what changed while no agent was there is in force with the first change", async () => {
    side = await create();
    const shut = program(open.id, { ingress: { end: "deny" } });
    await side.applyPolicy({ ...ALL, sets: [...REALM_SETS, prefixSet(CLIENTS, [])], programs: [web, shut] }, never);
    const decisions = () =>
      String(flows)
        .split("\n")
        .filter((line) => /table=1[4-8]/.test(line));
    const now = decisions();
    flows = new FakeSwitch();
    side = await create();
    await side.applyPolicy({ ...ALL, sets: [...REALM_SETS, prefixSet(CLIENTS, [])], programs: [web, shut] }, never);
    expect(now).toEqual(decisions());
  });

  test("a switch that has lost everything gets it again, and picks up what goes on", async () => {
    const flowsNow = () => String(flows).split("\n").toSorted();
    const before = flowsNow();
    flows.disconnect();
    flows.reconnect("restarted");
    side.reconnected();
    await side.applyPolicy(NO_CHANGE, never);
    const after = flowsNow();
    expect(before.filter((line) => !after.includes(line))).toEqual([]);
    const inTheMiddle = (line: string) => !before.includes(line) && line.includes("tcp_flags=-syn");
    // In both families and directions: from who has begun by its ports, and from others.
    expect(after.filter(inTheMiddle)).toHaveLength(8);
    clock.advance(60_000);
    await expect.poll(flowsNow).toEqual(before);
  });

  test("an endpoint that leaves takes its connections with it", async () => {
    await side.unbind("a", never);
    expect(String(flows)).not.toMatch(/in_port=1000|reg3=0x3e8/);
    expect(flows.forgotten).toEqual([{ zone: 33_768 }]);
    await side.unbind("a", never);
    expect(flows.forgotten).toHaveLength(1);
  });
});
