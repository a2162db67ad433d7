import { Cidr, Identity, IpAddress, Name } from "@holdfast/core";
import type { LabelSelector, Peer, PolicyDefaults, PolicyRule, PolicyService, Ports } from "@holdfast/model";
import type { Packet } from "../decide.ts";
import type { Direction } from "../rule-program.ts";
import type { Member, PolicyGroup, PolicyNetwork, PolicySpec, PolicyTenant } from "../world.ts";
import type { Chance } from "./chance.ts";
import type { PlainWorld } from "./plain-world.ts";

/** Few of everything, so that things meet. */
export const TENANTS = ["red", "green", "blue"].map(Name.parse);
const NETWORKS = ["one", "two", "three"].map(Name.parse);
const GROUPS = ["web", "db", "ops"].map(Name.parse);
const SETS = ["partners", "blocked"].map(Name.parse);
const POLICIES = ["p0", "p1", "p2", "p3", "p4", "p5"].map(Name.parse);
const LABELS = { app: ["web", "db", "cache"], env: ["prod", "test"] } as const;
const KEYS = ["app", "env"] as const;
const PORTS = [0, 1, 79, 80, 81, 443, 8079, 8080, 8090, 65_535];
const PROTOCOLS = [1, 6, 17, 47, 58, 132];
const OUTSIDE = ["192.0.2.1", "192.0.2.200", "198.51.100.7", "10.9.9.9", "2001:db8::1", "fd09::9"].map(IpAddress.parse);
const KINDS = ["routed", "vlan", "vxlan"] as const;

/** Of a network: routed ones lie alone, others may lie where another tenant's are. */
function prefixesOf(tenant: number, network: number, alone: boolean): Cidr[] {
  const second = alone ? 20 + tenant : 10;
  return [`10.${second}.${network}.0/28`, `fd${second}:${network}::/124`].map(Cidr.parse);
}

export function randomNetwork(chance: Chance, tenant: number, network: number): PolicyNetwork {
  const kind = chance.pick(KINDS);
  const [name, owner] = [NETWORKS[network], TENANTS[tenant]];
  if (name === undefined || owner === undefined) throw new TypeError("bug: no such network");
  const all = prefixesOf(tenant, network, kind === "routed" || chance.oneIn(2));
  const prefixes = chance.oneIn(4) ? all.slice(0, 1) : all;
  return { tenant: owner, name, kind, prefixes, policyDefaults: randomDefaults(chance) };
}

function randomDefaults(chance: Chance): PolicyDefaults | undefined {
  if (chance.oneIn(2)) return undefined;
  const word = () => chance.pick(["allow", "deny", undefined] as const);
  return { ingress: word(), egress: word() };
}

export function randomTenant(chance: Chance, name: Name): PolicyTenant {
  return { name, policyDefaults: randomDefaults(chance), sharedWith: chance.oneIn(4) ? chance.some(TENANTS, 2) : [] };
}

/** With an address in each prefix of its network that is free; undefined when there is none. */
export function randomMember(chance: Chance, world: PlainWorld, network: PolicyNetwork): Member | undefined {
  const number = 1 + chance.number(8);
  const identity = Identity.parse(`${network.name}-${number}`);
  const addresses = network.prefixes.map((prefix) => {
    const first = IpAddress.toBigInt(Cidr.first(prefix));
    return IpAddress.fromBigInt(Cidr.family(prefix), first + BigInt(number));
  });
  if (addresses.some((address) => world.memberAt(network.tenant, address) !== undefined)) return undefined;
  const group = chance.oneIn(5) ? chance.pick(GROUPS) : undefined;
  return { tenant: network.tenant, network: network.name, identity, group, labels: randomLabels(chance), addresses };
}

export function randomLabels(chance: Chance): Record<string, string> {
  return Object.fromEntries(chance.some(KEYS, 2).map((key) => [key, chance.pick(LABELS[key])]));
}

function randomSelector(chance: Chance): LabelSelector {
  const key = chance.pick(KEYS);
  const values = [chance.pick(LABELS[key]), chance.pick(LABELS[key])];
  const expressions = [
    { key, operator: "In", values },
    { key, operator: "NotIn", values },
    { key, operator: "Exists" },
    { key, operator: "DoesNotExist" },
  ] as const;
  const { operator, ...rest } = chance.pick(expressions);
  const expression = "values" in rest ? { ...rest, operator } : { ...rest, operator };
  return {
    ...(chance.oneIn(2) ? { matchLabels: randomLabels(chance) } : {}),
    ...(chance.oneIn(2) ? { matchExpressions: [expression as never] } : {}),
  };
}

export function randomGroup(chance: Chance, tenant: Name): PolicyGroup {
  return {
    tenant,
    name: chance.pick(GROUPS),
    ...(chance.oneIn(3) ? {} : { selector: randomSelector(chance) }),
    ...(chance.oneIn(3) ? { identities: [Identity.parse(`one-${1 + chance.number(8)}`)] } : {}),
    ...(chance.oneIn(4) ? { networks: [chance.pick(NETWORKS)] } : {}),
    sharedWith: chance.oneIn(2) ? chance.some(TENANTS, 3) : [],
  };
}

export function randomEntries(chance: Chance): Cidr[] {
  return Array.from({ length: chance.number(6) }, () => randomPrefix(chance));
}

export function randomSetName(chance: Chance): Name {
  return chance.pick(SETS);
}

function randomPrefix(chance: Chance): Cidr {
  const address = chance.oneIn(4) ? chance.pick(OUTSIDE) : randomAddress(chance);
  const lengths = address.includes(":") ? [0, 16, 32, 124, 126, 127, 128] : [0, 8, 16, 24, 28, 30, 31, 32];
  return Cidr.of(address, chance.pick(lengths));
}

function randomAddress(chance: Chance): IpAddress {
  const second = chance.pick([10, 20, 21, 22]);
  const network = chance.number(4);
  const host = chance.number(18);
  return IpAddress.parse(
    chance.oneIn(3) ? `fd${second}:${network}::${host.toString(16)}` : `10.${second}.${network}.${host}`,
  );
}

function randomPeer(chance: Chance): Peer {
  const tenant = chance.oneIn(2) ? { tenant: chance.pick(TENANTS) } : {};
  const networks = chance.oneIn(3) ? { networks: [chance.pick(NETWORKS)] } : {};
  const cidr = randomPrefix(chance);
  const except = chance.oneIn(2) ? { except: [randomPrefix(chance), randomPrefix(chance)] } : {};
  return chance.pick<Peer>([
    { kind: "group", group: chance.pick(GROUPS), ...tenant },
    { kind: "selector", selector: randomSelector(chance), ...networks },
    { kind: "tenant", ...tenant },
    { kind: "network", network: chance.pick(NETWORKS) },
    { kind: "cidr", cidr, ...except },
    { kind: "addresses", set: chance.pick(SETS) },
  ]);
}

function randomPorts(chance: Chance): Ports[] {
  return Array.from({ length: 1 + chance.number(3) }, () => {
    const [first = 0, last = 0] = [chance.pick(PORTS), chance.pick(PORTS)].sort((a, b) => a - b);
    return chance.oneIn(2) ? first : `${first}-${last}`;
  });
}

function randomService(chance: Chance): PolicyService {
  const ports = chance.oneIn(3) ? {} : { ports: randomPorts(chance) };
  const sourcePorts = chance.oneIn(4) ? { sourcePorts: randomPorts(chance) } : {};
  const type = chance.oneIn(3)
    ? {}
    : { type: chance.pick([0, 8, 128]), ...(chance.oneIn(2) ? { code: chance.number(2) } : {}) };
  return chance.pick<PolicyService>([
    { protocol: chance.pick(["tcp", "udp", "sctp"]), ...ports, ...sourcePorts },
    { protocol: "tcp", ...ports, ...sourcePorts },
    { protocol: chance.pick(["icmp", "icmpv6"]), ...type },
    { protocol: chance.pick(PROTOCOLS) },
  ]);
}

function randomRule(chance: Chance, index: number): PolicyRule {
  return {
    id: `r${index}`,
    action: chance.pick(["allow", "allow", "deny", "pass"]),
    ...(chance.oneIn(5) ? { log: true } : {}),
    ...(chance.oneIn(6) ? {} : { peers: Array.from({ length: 1 + chance.number(3) }, () => randomPeer(chance)) }),
    ...(chance.oneIn(3) ? {} : { services: Array.from({ length: 1 + chance.number(3) }, () => randomService(chance)) }),
  };
}

function randomRules(chance: Chance): PolicyRule[] {
  return Array.from({ length: chance.number(6) }, (_, index) => randomRule(chance, index));
}

export function randomPolicy(chance: Chance, tenant: Name): PolicySpec {
  const staged = chance.oneIn(4);
  return {
    tenant,
    name: chance.pick(POLICIES),
    tier: chance.pick(["admin", "tenant", "tenant", "default"]),
    order: chance.number(3),
    subject: {
      ...(chance.oneIn(4) ? { groups: [chance.pick(GROUPS)] } : {}),
      ...(chance.oneIn(4) ? { selector: randomSelector(chance) } : {}),
      ...(chance.oneIn(4) ? { networks: chance.some(NETWORKS, 3) } : {}),
    },
    isolates: chance.oneIn(3) ? chance.some<Direction>(["ingress", "egress"], 2) : [],
    ingress: randomRules(chance),
    egress: randomRules(chance),
    mode: staged ? "staged" : "enforced",
    replaces: staged && chance.oneIn(2) ? chance.pick(POLICIES) : undefined,
  };
}

export function randomPacket(chance: Chance, world: PlainWorld, subject: Member): Packet {
  const known = world.memberList.flatMap(({ addresses }) => addresses);
  const family = subject.addresses.some((address) => address.includes(":")) && chance.oneIn(2) ? "v6" : "v4";
  const all = [...known, ...OUTSIDE, randomAddress(chance)];
  const remotes = all.filter((address) => IpAddress.family(address) === family);
  const protocol = chance.pick(PROTOCOLS);
  const hasPorts = [6, 17, 132].includes(protocol);
  const isIcmp = protocol === (family === "v4" ? 1 : 58);
  return {
    direction: chance.pick(["ingress", "egress"]),
    remote: chance.pick(remotes),
    protocol,
    ...(hasPorts ? { sourcePort: chance.pick(PORTS), destinationPort: chance.pick(PORTS) } : {}),
    ...(isIcmp ? { icmp: { type: chance.pick([0, 8, 128, 3]), code: chance.number(2) } } : {}),
  };
}
