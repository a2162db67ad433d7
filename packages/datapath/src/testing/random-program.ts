import { Cidr, IpAddress } from "@holdfast/core";
import type { Direction, Packet, PolicySet, Program, ProgramRule, Service } from "@holdfast/policy";
import type { Chance } from "@holdfast/policy/testing";
import { from, prefixSet, program, rule } from "./policy-parties.ts";

/** Programs, sets and packets by chance: few of everything, so that things meet. */

export const SETS = ["group/default/web/v4", "group/default/db/v4", "set/default/far/v4", "group/default/web/v6"];
export const MEMBERS = {
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

export function familyOf(set: string): "v4" | "v6" {
  return set.endsWith("v6") ? "v6" : "v4";
}

/** No member contains another. */
function apart(members: readonly string[]): readonly string[] {
  const parsed = members.map((member) => Cidr.parse(member));
  return parsed.filter((one, index) => !parsed.slice(0, index).some((other) => Cidr.overlap(one, other)));
}

export function randomProgram(chance: Chance): Program {
  const side = (direction: Direction) => {
    const section = (realm: string, number: number): readonly ProgramRule[] =>
      Array.from({ length: chance.number(7) }, (_, index) =>
        randomRule(chance, `${direction}/${realm}/${number}/${index}`),
      );
    const list = (realm: string) => Array.from({ length: chance.number(4) }, (_, number) => section(realm, number));
    return { main: list("main"), foreign: list("foreign"), end: chance.pick(["allow", "deny"] as const) };
  };
  return program("default/p", { ingress: side("ingress"), egress: side("egress") });
}

/** With other members each. */
export function randomSets(chance: Chance): readonly PolicySet[] {
  return SETS.map((id) => prefixSet(id, apart(chance.some(MEMBERS[familyOf(id)], 4))));
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

export function randomPacket(chance: Chance): Packet {
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
