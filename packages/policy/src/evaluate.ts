import { Cidr, type IpAddress, type Name } from "@holdfast/core";
import type { Peer, PolicyRule, PolicyService, Tier } from "@holdfast/model";
import type { Packet } from "./decide.ts";
import { formatRuleId } from "./rule-id.ts";
import type { Direction, RuleId, Verdict } from "./rule-program.ts";
import { portRange, protocolNumber } from "./rule-services.ts";
import { selects } from "./selector.ts";
import {
  comparePolicies,
  concerns,
  isMember,
  isOnPlatform,
  type Member,
  type PolicyGroup,
  type PolicyNetwork,
  type PolicySpec,
  type PolicyTenant,
  policiesIn,
  type View,
} from "./world.ts";

/** What policies are about, to be asked. */
export interface PolicyWorld {
  tenant(name: Name): PolicyTenant | undefined;
  network(tenant: Name, name: Name): PolicyNetwork | undefined;
  /** Networks that an address lies in, whoever's they are. */
  networksAt(address: IpAddress): Iterable<PolicyNetwork>;
  policies(tenant: Name): Iterable<PolicySpec>;
  group(tenant: Name, name: Name): PolicyGroup | undefined;
  /** The tenant's claim of an address. */
  memberAt(tenant: Name, address: IpAddress): Member | undefined;
  addressSetHas(tenant: Name, set: Name, address: IpAddress): boolean;
}

/** One end of a connection: whose policies are asked, and what they see. */
export interface EndQuestion {
  readonly subject: Member;
  readonly packet: Packet;
  readonly view: View;
}

/** Why a rule did not match, in the order in which it is looked at. */
export type Mismatch =
  /** The other end is none of its peers. */
  | "peers"
  /** What is spoken is none of its services. */
  | "services"
  /** The other end is another tenant's, which the rule does not name: it cannot allow it. */
  | "other-tenant"
  /** The rule names what another tenant does not share with this one. */
  | "not-shared";

/** What became of one rule. */
export interface Step {
  readonly rule: RuleId;
  readonly tier: Tier;
  readonly policy: Name;
  readonly verdict: Verdict;
  /** Absent: it matched. */
  readonly mismatch?: Mismatch;
  /** The policy is only staged. */
  readonly staged?: true;
}

export interface EndVerdict {
  readonly verdict: "allow" | "deny";
  /** The rule, the policy that isolates, the default, or the isolation of tenants. */
  readonly rule: RuleId;
  /** Every rule that was asked, in order; the last one decided when it matched and does not pass. */
  readonly steps: readonly Step[];
}

/** What the policies of one end say about the first packet of a connection, and why: by what they mean, without compiling them. */
export function evaluateEnd(world: PolicyWorld, { subject, packet, view }: EndQuestion): EndVerdict {
  const { direction } = packet;
  const { tenant } = subject;
  const remote = remoteOf(world, subject, packet.remote);
  const steps: Step[] = [];
  const ordered = policiesIn(view, world.policies(tenant)).sort(comparePolicies);
  const concerning = ordered.filter((policy) => concerns(policy, subject, (name) => world.group(tenant, name)));
  for (const ofTier of Map.groupBy(concerning, ({ tier }) => tier).values()) {
    const decided = askTier(ofTier, { world, remote, packet }, steps);
    if (decided !== undefined) return { ...decided, steps };
  }
  if (remote.kind === "foreign") {
    return { verdict: "deny", rule: formatRuleId({ kind: "isolation", tenant, direction }), steps };
  }
  return { ...defaultOf(world, subject, direction), steps };
}

/** Who a remote address is, to one tenant. */
type RemoteParty =
  | { readonly kind: "own"; readonly address: IpAddress; readonly member?: Member | undefined }
  | { readonly kind: "foreign"; readonly address: IpAddress; readonly networks: readonly PolicyNetwork[] }
  | { readonly kind: "outside"; readonly address: IpAddress };

interface Asked {
  readonly world: PolicyWorld;
  readonly remote: RemoteParty;
  readonly packet: Packet;
}

function remoteOf(world: PolicyWorld, { tenant }: Member, address: IpAddress): RemoteParty {
  const networks = [...world.networksAt(address)];
  if (networks.some((network) => network.tenant === tenant)) {
    return { kind: "own", address, member: world.memberAt(tenant, address) };
  }
  const foreign = networks.filter(isOnPlatform);
  return foreign.length === 0 ? { kind: "outside", address } : { kind: "foreign", address, networks: foreign };
}

type Decided = Omit<EndVerdict, "steps">;

function askTier(policies: readonly PolicySpec[], asked: Asked, steps: Step[]): Decided | undefined {
  const { direction } = asked.packet;
  for (const policy of policies) {
    for (const rule of policy[direction]) {
      const step = askRule(policy, rule, asked);
      steps.push(step);
      if (step.mismatch !== undefined) continue;
      if (step.verdict === "pass") return undefined;
      return { verdict: step.verdict, rule: step.rule };
    }
  }
  const closing = policies.find(({ isolates }) => isolates.includes(direction));
  if (closing === undefined) return undefined;
  const { tenant, name } = closing;
  return { verdict: "deny", rule: formatRuleId({ kind: "isolates", tenant, policy: name, direction }) };
}

function askRule(policy: PolicySpec, rule: PolicyRule, asked: Asked): Step {
  const { tenant, name, tier, mode } = policy;
  const { direction } = asked.packet;
  const mismatch = mismatchOf(policy, rule, asked);
  return {
    rule: formatRuleId({ kind: "rule", tenant, policy: name, direction, rule: rule.id }),
    tier,
    policy: name,
    verdict: rule.action,
    ...(mismatch === undefined ? {} : { mismatch }),
    ...(mode === "staged" ? { staged: true } : {}),
  };
}

function mismatchOf(policy: PolicySpec, { action, peers, services }: PolicyRule, asked: Asked): Mismatch | undefined {
  const answers = peers?.map((peer) => askPeer(policy, peer, asked)) ?? [
    asked.remote.kind === "foreign" ? "unnamed" : "yes",
  ];
  if (!answers.includes("yes") && !(answers.includes("unnamed") && action !== "allow")) {
    if (answers.includes("not-shared")) return "not-shared";
    return answers.includes("unnamed") ? "other-tenant" : "peers";
  }
  const spoken = services?.some((service) => isSpoken(service, asked.packet)) ?? true;
  return spoken ? undefined : "services";
}

/** `unnamed`: it is another tenant's, and covered without being named, which is enough to deny it and to pass. */
type PeerAnswer = "yes" | "no" | "unnamed" | "not-shared";

function askPeer(policy: PolicySpec, peer: Peer, { world, remote }: Asked): PeerAnswer {
  const byAddress = remote.kind === "foreign" ? "unnamed" : "yes";
  switch (peer.kind) {
    case "cidr":
      return isCovered(peer, remote.address) ? byAddress : "no";
    case "addresses":
      return world.addressSetHas(policy.tenant, peer.set, remote.address) ? byAddress : "no";
    case "network": {
      if (remote.kind !== "own") return "no";
      const prefixes = world.network(policy.tenant, peer.network)?.prefixes ?? [];
      return prefixes.some((prefix) => Cidr.contains(prefix, remote.address)) ? "yes" : "no";
    }
    case "selector":
      return remote.kind === "own" && remote.member !== undefined && isSelected(peer, remote.member) ? "yes" : "no";
    case "group":
    case "tenant": {
      const { tenant = policy.tenant } = peer;
      if (tenant !== policy.tenant) return askForeign(policy.tenant, { ...peer, tenant }, { world, remote });
      if (remote.kind !== "own") return "no";
      if (peer.kind === "tenant") return "yes";
      const group = world.group(tenant, peer.group);
      return group !== undefined && remote.member !== undefined && isMember(group, remote.member) ? "yes" : "no";
    }
  }
}

type ForeignPeer = Extract<Peer, { kind: "group" | "tenant" }> & { readonly tenant: Name };

function askForeign(own: Name, peer: ForeignPeer, { world, remote }: Pick<Asked, "world" | "remote">): PeerAnswer {
  if (remote.kind !== "foreign") return "no";
  const there = remote.networks.filter(({ tenant }) => tenant === peer.tenant);
  if (there.length === 0) return "no";
  const group = peer.kind === "group" ? world.group(peer.tenant, peer.group) : undefined;
  if (peer.kind === "group") {
    const member = world.memberAt(peer.tenant, remote.address);
    const isThere = member !== undefined && there.some(({ name }) => name === member.network);
    if (group === undefined || !isThere || !isMember(group, member)) return "no";
  }
  const shared = [...(world.tenant(peer.tenant)?.sharedWith ?? []), ...(group?.sharedWith ?? [])];
  return shared.includes(own) ? "yes" : "not-shared";
}

function isSelected(peer: Extract<Peer, { kind: "selector" }>, member: Member): boolean {
  return selects(peer.selector, member.labels) && (peer.networks?.includes(member.network) ?? true);
}

function isCovered({ cidr, except = [] }: Extract<Peer, { kind: "cidr" }>, address: IpAddress): boolean {
  return Cidr.contains(cidr, address) && !except.some((excepted) => Cidr.contains(excepted, address));
}

function isSpoken(service: PolicyService, packet: Packet): boolean {
  const isV6 = packet.remote.includes(":");
  const protocol = protocolNumber(service.protocol);
  if (protocol !== packet.protocol || protocol === (isV6 ? 1 : 58)) return false;
  if ("type" in service || "code" in service) {
    const { type = packet.icmp?.type, code = packet.icmp?.code } = service;
    return type === packet.icmp?.type && code === packet.icmp?.code;
  }
  const { ports, sourcePorts } = "ports" in service || "sourcePorts" in service ? service : {};
  return isOneOf(ports, packet.destinationPort) && isOneOf(sourcePorts, packet.sourcePort);
}

function isOneOf(ports: readonly (number | string)[] | undefined, port: number | undefined): boolean {
  if (ports === undefined) return true;
  return ports.map(portRange).some(({ first, last }) => port !== undefined && first <= port && port <= last);
}

function defaultOf(world: PolicyWorld, { tenant, network: name }: Member, direction: Direction): Decided {
  const ofNetwork = world.network(tenant, name)?.policyDefaults?.[direction];
  const network = ofNetwork === undefined ? undefined : name;
  const verdict = ofNetwork ?? world.tenant(tenant)?.policyDefaults?.[direction] ?? "allow";
  return { verdict, rule: formatRuleId({ kind: "default", tenant, network, direction }) };
}
