import { Cidr, IpAddress, systemClock } from "@holdfast/core";
import { createSwitchControl } from "@holdfast/ovsdb";
import { type Direction, decide, type Packet, type Program, type ProgramRule, type Service } from "@holdfast/policy";
import { type Chance, createChance } from "@holdfast/policy/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatapathDriver, PolicyDatapath } from "../src/driver.ts";
import { ruleNumber } from "../src/drivers/ovs/policy/layout.ts";
import { TENANTS_NETWORKS, wiring } from "../src/testing/parties.ts";
import { from, NO_CHANGE, prefixSet, program, REALM_SETS, rule } from "../src/testing/policy-parties.ts";
import { Host } from "./fabric.ts";

const SEED = Number(process.env.HOLDFAST_SEED ?? 5);
const WORLDS = Number(process.env.HOLDFAST_WORLDS ?? 12);
const PACKETS = 60;

const SETS = ["group/default/web/v4", "group/default/db/v4", "set/default/far/v4", "group/default/web/v6"];
const MEMBERS = {
  v4: [
    "10.20.0.6/32",
    "10.20.0.7/32",
    "10.20.0.0/28",
    "10.30.0.9/32",
    "192.0.2.0/24",
    "192.0.2.128/25",
    "192.0.2.7/32",
  ],
  v6: ["fd00:20::6/128", "fd00:20::/112", "2001:db8::/32", "2001:db8::7/128"],
};
const REMOTES = ["10.20.0.6", "10.20.0.7", "10.20.0.9", "10.30.0.9", "192.0.2.7", "192.0.2.200", "198.51.100.1"];
const REMOTES_V6 = ["fd00:20::6", "fd00:20::9", "fd00:30::1", "2001:db8::7", "2001:db8::8"];
const PORTS = [1, 79, 80, 81, 443, 1023, 8080, 65_535];

/** By chance, and by what the switch makes of it: it must decide as `decide` does, by the same rule. */
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
    const sets = SETS.map((id) => prefixSet(id, apart(chance.some(MEMBERS[familyOf(id)], 4))));
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
        rule: ruleNumber(made.id, wanted.rule.id),
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

  /** Which rule has decided last, and whether the packet goes anywhere. */
  async function trace(packet: Packet): Promise<{ readonly rule: bigint; readonly passes: boolean }> {
    const control = createSwitchControl({ clock: systemClock }, host.ovs.rundir);
    const text = await control.ask("ofproto/trace", ["hf-int", flowOf(packet), "--ct-next", "trk,new"], signal);
    const rules = [...text.matchAll(/^\s*18\. reg14=0x(\w+),reg15=0x(\w+), /gm)];
    const [, high = "0", low = "0"] = rules.at(-1) ?? [];
    const last = [...text.matchAll(/Datapath actions: (.*)/g)].at(-1)?.[1] ?? "";
    return { rule: (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`), passes: last !== "drop" };
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

function familyOf(set: string): "v4" | "v6" {
  return set.endsWith("v6") ? "v6" : "v4";
}

/** No member contains another. */
function apart(members: readonly string[]): readonly string[] {
  const parsed = members.map((member) => Cidr.parse(member));
  return parsed.filter((one, index) => !parsed.slice(0, index).some((other) => Cidr.overlap(one, other)));
}

function randomProgram(chance: Chance): Program {
  const side = (direction: Direction) => {
    const section = (realm: string, number: number): readonly ProgramRule[] =>
      Array.from({ length: chance.number(5) }, (_, index) =>
        randomRule(chance, `${direction}/${realm}/${number}/${index}`),
      );
    const list = (realm: string) => Array.from({ length: chance.number(4) }, (_, number) => section(realm, number));
    return { main: list("main"), foreign: list("foreign"), end: chance.pick(["allow", "deny"] as const) };
  };
  return program("default/p", { ingress: side("ingress"), egress: side("egress") });
}

function randomRule(chance: Chance, id: string): ProgramRule {
  const remotes = [...chance.some(SETS, 3), ...apart(chance.some([...MEMBERS.v4, ...MEMBERS.v6], 3))];
  const [first, ...rest] = Array.from({ length: chance.number(3) }, (_, index) => randomService(chance, index));
  return rule(id, chance.pick(["allow", "deny", "pass"] as const), {
    remote: chance.oneIn(4) || remotes.length === 0 ? "any" : from(...remotes),
    services: first === undefined ? "any" : [first, ...rest],
  });
}

const PROTOCOLS = [
  [6, 47],
  [17, 58],
  [132, 1],
] as const;

/** Of different protocols, so that no packet has two. */
function randomService(chance: Chance, index: number): Service {
  const protocol = chance.pick(PROTOCOLS[index] ?? [6]);
  if (protocol === 47) return { protocol };
  if (protocol === 1 || protocol === 58) {
    const type = protocol === 1 ? 8 : 128;
    return { protocol, icmp: chance.oneIn(2) ? { type } : { type, code: chance.number(2) } };
  }
  const range = () => {
    const [one, other] = [chance.pick(PORTS), chance.pick(PORTS)];
    return { first: Math.min(one, other), last: Math.max(one, other) };
  };
  return {
    protocol,
    ...(chance.oneIn(3) ? {} : { destinationPorts: [range()] }),
    ...(chance.oneIn(3) ? { sourcePorts: [range()] } : {}),
  };
}

function randomPacket(chance: Chance): Packet {
  const v6 = chance.oneIn(3);
  const remote = IpAddress.parse(chance.pick(v6 ? REMOTES_V6 : REMOTES));
  const protocol = chance.pick(v6 ? [6, 17, 132, 58, 47] : [6, 17, 132, 1, 47]);
  const what =
    protocol === 47
      ? {}
      : protocol === 1 || protocol === 58
        ? { icmp: { type: protocol === 1 ? 8 : 128, code: chance.number(2) } }
        : { sourcePort: chance.pick(PORTS), destinationPort: chance.pick(PORTS) };
  return { direction: chance.pick(["ingress", "egress"] as const), remote, protocol, ...what };
}
