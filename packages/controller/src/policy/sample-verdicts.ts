import { Identity, type IpAddress, Name } from "@holdfast/core";
import type { FlowSample, FlowSampleDecider, FlowSampleDecision } from "@holdfast/model";
import {
  type EndVerdict,
  evaluateEnd,
  type Member,
  type PolicyWorld,
  parseRuleId,
  type RuleId,
} from "@holdfast/policy";
import type { State } from "../state/state.ts";
import type { PolicyCounts } from "./counters.ts";
import type { DropTimes } from "./drop-times.ts";
import { createPolicyWorld, memberOf } from "./policy-world.ts";
import { connectionOf, type SampledConnection } from "./sampled-connection.ts";

/** Says what policies have made of a sampled packet, where that is clear and counters confirm it; undefined: it is not told. */
export type SampleVerdict = (sample: FlowSample, dropped: DropTimes) => FlowSampleDecision | undefined;

/** Milliseconds within which a node tells what it has dropped: two of its reports. */
export const TOLD_WITHIN = 20_000;

/** Who is at an end: a claim, nobody of the platform, or one who is not told. */
type Party = { readonly kind: "member"; readonly member: Member } | { readonly kind: "outside" | "unknown" };

/** What the policies of one end say. */
interface Judged {
  readonly verdict: EndVerdict["verdict"];
  /** Absent: a default, or the isolation of tenants, which nobody counts. */
  readonly by?: { readonly rule: RuleId; readonly decider: FlowSampleDecider };
  readonly node: string | undefined;
}

/**
 * A packet says nothing of its fate, so it is asked what policies, as they are now, say of its connection. A verdict is told only with a sign that
 * they said so then: of a denied packet, that the rule has dropped something at that node when the packet came; of an allowed one, that the rule has
 * matched since.
 */
export function createSampleVerdicts(state: State, counts: Pick<PolicyCounts, "countedAt">): SampleVerdict {
  const world = createPolicyWorld(state);
  return (sample, dropped) => {
    const connection = connectionOf(sample);
    if (connection === undefined) return undefined;
    const parties = [partyOf(state, world, connection.from), partyOf(state, world, connection.to)] as const;
    if (isMisled(world, connection, parties)) return undefined;
    const ends = endsOf(world, connection, parties);
    const at = Date.parse(sample.at);
    const denied = ends.find(({ verdict }) => verdict === "deny");
    if (denied !== undefined) {
      const { by, node } = denied;
      // A reply is of a connection that was let through.
      if (connection.isReply || by === undefined || node === undefined) return undefined;
      const isCounted = dropped.hasDropped({ ...by.decider, node }, at, at + TOLD_WITHIN);
      return isCounted ? { verdict: "denied", by: [by.decider] } : undefined;
    }
    const by = ends.flatMap((end) => end.by ?? []);
    const isClear = by.length > 0 && parties.every(({ kind }) => kind !== "unknown");
    const isCounted = by.every(({ rule }) => (counts.countedAt(rule) ?? 0) >= at);
    return isClear && isCounted ? { verdict: "allowed", by: by.map(({ decider }) => decider) } : undefined;
  };
}

/** What a tenant may not see of another's end is not asked either. */
function partyOf(state: State, world: PolicyWorld, end: SampledConnection["from"]): Party {
  const { tenant, network, identity, address } = end;
  if (tenant === undefined || network === undefined || identity === undefined) {
    const isInside = !world.networksAt(address)[Symbol.iterator]().next().done;
    return { kind: isInside ? "unknown" : "outside" };
  }
  const claim = state.network(Name.parse(tenant), Name.parse(network))?.claims.get(Identity.parse(identity));
  // Another one may have the name by now, or it another address.
  return claim?.addresses.includes(address) === true
    ? { kind: "member", member: memberOf(claim) }
    : { kind: "unknown" };
}

/** Whether one tenant would find somebody of its own at the other's address: policies go by addresses, and would be asked about another one. */
function isMisled(
  world: PolicyWorld,
  { from, to }: SampledConnection,
  [sender, taker]: readonly [Party, Party],
): boolean {
  if (sender.kind !== "member" || taker.kind !== "member") return false;
  const [own, other] = [sender.member.tenant, taker.member.tenant];
  if (own === other) return false;
  const isIn = (tenant: Name, address: IpAddress) =>
    [...world.networksAt(address)].some((network) => network.tenant === tenant);
  return isIn(own, to.address) || isIn(other, from.address);
}

function endsOf(
  world: PolicyWorld,
  connection: SampledConnection,
  [from, to]: readonly [Party, Party],
): readonly Judged[] {
  const { protocol, sourcePort, destinationPort } = connection;
  const ask = (party: Party, direction: "ingress" | "egress"): readonly Judged[] => {
    if (party.kind !== "member") return [];
    const [own, remote] = direction === "egress" ? [connection.from, connection.to] : [connection.to, connection.from];
    const packet = { direction, remote: remote.address, protocol, sourcePort, destinationPort };
    const { verdict, rule } = evaluateEnd(world, { subject: party.member, packet, view: "enforced" });
    const decider = deciderOf(rule);
    return [{ verdict, node: own.node, ...(decider === undefined ? {} : { by: { rule, decider } }) }];
  };
  return [...ask(from, "egress"), ...ask(to, "ingress")];
}

function deciderOf(id: RuleId): FlowSampleDecider | undefined {
  const origin = parseRuleId(id);
  if (origin?.kind !== "rule" && origin?.kind !== "isolates") return undefined;
  const { tenant, policy, direction } = origin;
  return {
    tenant: Name.parse(tenant),
    policy: Name.parse(policy),
    direction,
    ...(origin.kind === "rule" ? { rule: origin.rule } : {}),
  };
}
