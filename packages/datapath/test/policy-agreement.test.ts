import { Cidr, type IpAddress, systemClock } from "@holdfast/core";
import { createSwitchControl } from "@holdfast/ovsdb";
import { decide, type Packet } from "@holdfast/policy";
import { type Chance, countedRules, createChance } from "@holdfast/policy/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatapathDriver, PolicyDatapath } from "../src/driver.ts";
import { ruleNumber } from "../src/drivers/ovs/policy/layout.ts";
import { TENANTS_NETWORKS, wiring } from "../src/testing/parties.ts";
import { NO_CHANGE, program, REALM_SETS } from "../src/testing/policy-parties.ts";
import { familyOf, MEMBERS, randomPacket, randomProgram, randomSets, SETS } from "../src/testing/random-program.ts";
import { Host } from "./fabric.ts";

const SEED = Number(process.env.HOLDFAST_SEED ?? 5);
const WORLDS = Number(process.env.HOLDFAST_WORLDS ?? 12);
const PACKETS = 60;

/** By chance, and by what the switch makes of it: it must decide as `decide` does, and count the same rules. */
describe("the switch and the meaning of a program", () => {
  let host: Host;
  let driver: DatapathDriver;
  let port: number;
  const signal = AbortSignal.timeout(80_000);
  const endpoint = wiring("a", "n7", ["10.20.0.5", "fd00:20::5"]);
  const policy = (): PolicyDatapath => {
    if (driver.policy === undefined) throw new TypeError("the driver enforces no policy");
    return driver.policy;
  };

  beforeAll(async () => {
    host = await Host.start();
    await host.kernel.createVeth({ name: "eth1", peer: "eth1x", mtu: 9100 });
    driver = await host.open({ uplink: "eth1" });
    driver.setNetwork(TENANTS_NETWORKS.first);
    await driver.synced(signal);
    await policy().applyPolicy({ ...NO_CHANGE, sets: REALM_SETS, programs: [program("default/p", {})] }, signal);
    const attached = await driver.attach({ ...endpoint, policy: { program: "default/p" } }, signal);
    port = Number(attached.hostInterface.slice(3));
  });
  afterAll(async () => {
    await driver.close();
    await host[Symbol.asyncDispose]();
  });

  test.each(Array.from({ length: WORLDS }, (_, index) => SEED + index))("agree, seed %i", async (seed) => {
    const chance = createChance(seed);
    const sets = randomSets(chance);
    const made = randomProgram(chance);
    await policy().applyPolicy({ ...NO_CHANGE, sets, programs: [made] }, signal);
    const all = new Map([...REALM_SETS, ...sets].map(({ id, members }) => [id, [...members]]));
    const contains = (id: string, address: IpAddress): boolean =>
      (all.get(id) ?? []).some((member) => Cidr.contains(member, address));
    for (let count = 0; count < PACKETS; count++) {
      if (chance.oneIn(10)) await changeSet(chance, all);
      const packet = randomPacket(chance);
      const wanted = decide(made, packet, contains);
      const decided = await trace(packet);
      expect({ packet, ...decided }).toEqual({
        packet,
        rules: countedRules(made, packet, contains).map((id) => ruleNumber(made.id, id)),
        passes: wanted.verdict === "allow",
      });
    }
  });

  /** One element, as most changes are. */
  async function changeSet(chance: Chance, all: Map<string, Cidr[]>): Promise<void> {
    const id = chance.pick(SETS);
    const members = all.get(id) ?? [];
    const member = Cidr.parse(chance.pick(MEMBERS[familyOf(id)]));
    const remove = members.filter((each) => Cidr.overlap(each, member));
    const add = remove.includes(member) ? [] : [member];
    all.set(id, [...members.filter((each) => !remove.includes(each)), ...add]);
    await policy().applyPolicy({ ...NO_CHANGE, setEdits: [{ id, remove, add }] }, signal);
  }

  /** Which rules have counted it, and whether the packet goes anywhere. */
  async function trace(packet: Packet): Promise<{ readonly rules: readonly bigint[]; readonly passes: boolean }> {
    const control = createSwitchControl({ clock: systemClock }, host.ovs.rundir);
    const text = await control.ask("ofproto/trace", ["hf-int", flowOf(packet), "--ct-next", "trk,new"], signal);
    const rules = [...text.matchAll(/^\s*18\. reg14=0x(\w+),reg15=0x(\w+), /gm)];
    const last = [...text.matchAll(/Datapath actions: (.*)/g)].at(-1)?.[1] ?? "";
    const counted = rules.map(([, high = "0", low = "0"]) => (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`));
    return { rules: counted, passes: last !== "drop" };
  }

  function flowOf({ direction, remote, protocol, sourcePort, destinationPort, icmp }: Packet): string {
    const v6 = remote.includes(":");
    const own = v6 ? "fd00:20::5" : "10.20.0.5";
    const [source, destination] = direction === "egress" ? [own, remote] : [remote, own];
    const place =
      direction === "egress"
        ? `in_port=${port},dl_src=${endpoint.mac},dl_dst=02:00:00:00:00:99`
        : `in_port=1,dl_vlan=100,dl_src=02:00:00:00:00:99,dl_dst=${endpoint.mac}`;
    const addresses = v6 ? `ipv6_src=${source},ipv6_dst=${destination}` : `nw_src=${source},nw_dst=${destination}`;
    const word = { 6: "tcp", 17: "udp", 132: "sctp" }[protocol];
    const ports = word === undefined ? "" : `,${word}_src=${sourcePort},${word}_dst=${destinationPort}`;
    const flags = protocol === 6 ? ",tcp_flags=syn" : "";
    const what =
      icmp === undefined ? "" : `,icmp${v6 ? "v6" : ""}_type=${icmp.type},icmp${v6 ? "v6" : ""}_code=${icmp.code}`;
    return `${place},${v6 ? "ipv6" : "ip"},nw_proto=${protocol},nw_ttl=64,${addresses}${ports}${flags}${what}`;
  }
});
