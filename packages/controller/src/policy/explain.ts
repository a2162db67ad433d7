import { alike, HoldfastError, type IpAddress, IpAddress as IpAddresses, Name } from "@holdfast/core";
import type { ExplainedEnd, ExplainedVerdict, ExplainRequest, Explanation } from "@holdfast/model";
import {
  type EndVerdict,
  evaluateEnd,
  type Member,
  type Packet,
  type PolicyWorld,
  parseRuleId,
  type View,
} from "@holdfast/policy";
import { invalidField, notFound } from "../refusals.ts";
import type { State } from "../state/state.ts";
import { createPolicyWorld, memberAt, memberOf } from "./policy-world.ts";

export type ExplainPolicy = (request: ExplainRequest) => Explanation;

/** Who is at an end: a claim, or nobody that is known. */
interface Party {
  readonly addresses: readonly IpAddress[];
  readonly member?: Member | undefined;
}

const NUMBERS = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;
const WITH_PORTS = new Set<number>([NUMBERS.tcp, NUMBERS.udp, NUMBERS.sctp]);
/** The first of the ports that programs are given (RFC 6335 section 6). */
const EPHEMERAL_PORT = 49_152;
const ECHO = { v4: 8, v6: 128 } as const;
const DEFAULT = Name.parse("default");

/** Says whether a connection would be allowed, from the policies as they are and as they would be with the staged ones. */
export function createPolicyExplainer(state: State): ExplainPolicy {
  const world = createPolicyWorld(state);
  return (request) => {
    const [from, to] = [partyOf(state, request.from, "from"), partyOf(state, request.to, "to")];
    const [source, destination] = addressPair(from, to, request.family);
    const spoken = spokenOf(request, destination);
    const ask = (view: View) => verdicts(world, { from, to, source, destination, spoken }, view);
    const enforced = ask("enforced");
    const staged = ask("staged");
    const unreachable = whyUnreachable(world, { from, to, source, destination });
    return {
      from: endOf(source, from),
      to: endOf(destination, to),
      ...enforced,
      ...(unreachable === undefined ? {} : { unreachable, verdict: "deny" as const }),
      ...(alike(enforced, staged) ? {} : { staged }),
    };
  };
}

/** @throws HoldfastError `not_found`; `conflict` when an identity has several claims. */
function partyOf(state: State, { tenant, network, identity, address }: ExplainedEnd, field: string): Party {
  if (tenant !== undefined && !state.tenants.has(tenant)) throw notFound(`tenant ${tenant}`);
  if (address !== undefined) {
    const tenants = tenant === undefined ? [...state.networks.keys()] : [tenant];
    const members = tenants.flatMap((one) => memberAt(state, one, address) ?? []);
    const [member, other] = members;
    if (other === undefined) return { addresses: [address], member };
    const names = members.map((one) => one.tenant).join(", ");
    throw new HoldfastError("conflict", `${field}: ${address} is claimed in tenants ${names}; say which`);
  }
  const owner = tenant ?? DEFAULT;
  const claims = [...(state.networks.get(owner)?.values() ?? [])]
    .filter(({ name }) => network === undefined || name === network)
    .flatMap(({ claims }) => (identity === undefined ? [] : (claims.get(identity) ?? [])));
  const [claim, other] = claims;
  if (claim === undefined) throw notFound(`claim ${identity} in tenant ${owner}`);
  if (other === undefined) return { addresses: claim.addresses, member: memberOf(claim) };
  const names = claims.map((one) => one.network).join(", ");
  throw new HoldfastError("conflict", `${field}: ${identity} has claims in networks ${names}; say which`);
}

function addressPair(from: Party, to: Party, wanted: "v4" | "v6" | undefined): [IpAddress, IpAddress] {
  for (const family of wanted === undefined ? (["v4", "v6"] as const) : [wanted]) {
    const [source, destination] = [from, to].map(({ addresses }) =>
      addresses.find((address) => IpAddresses.family(address) === family),
    );
    if (source !== undefined && destination !== undefined) return [source, destination];
  }
  throw invalidField(wanted === undefined ? "to" : "family", "the two ends have no addresses of one family");
}

type Spoken = Omit<Packet, "direction" | "remote">;

function spokenOf({ protocol: said, port, sourcePort, icmp }: ExplainRequest, destination: IpAddress): Spoken {
  const protocol = typeof said === "number" ? said : NUMBERS[said];
  const family = IpAddresses.family(destination);
  if (protocol === (family === "v4" ? 58 : 1)) throw invalidField("protocol", `there is no ${said} over ${family}`);
  if (protocol === NUMBERS.icmp || protocol === NUMBERS.icmpv6) {
    return { protocol, icmp: icmp ?? { type: ECHO[family], code: 0 } };
  }
  if (!WITH_PORTS.has(protocol)) return { protocol };
  if (port === undefined) throw invalidField("port", `${said} has ports; say to which one`);
  return { protocol, sourcePort: sourcePort ?? EPHEMERAL_PORT, destinationPort: port };
}

interface Connection {
  readonly from: Party;
  readonly to: Party;
  readonly source: IpAddress;
  readonly destination: IpAddress;
}

function verdicts(world: PolicyWorld, connection: Connection & { readonly spoken: Spoken }, view: View) {
  const { from, to, source, destination, spoken } = connection;
  const ask = (subject: Member | undefined, packet: Pick<Packet, "direction" | "remote">) =>
    subject && explained(evaluateEnd(world, { subject, packet: { ...spoken, ...packet }, view }));
  const egress = ask(from.member, { direction: "egress", remote: destination });
  const ingress = ask(to.member, { direction: "ingress", remote: source });
  const denied = [egress, ingress].some((end) => end?.verdict === "deny");
  return {
    verdict: denied ? ("deny" as const) : ("allow" as const),
    ...(egress === undefined ? {} : { egress }),
    ...(ingress === undefined ? {} : { ingress }),
  };
}

function explained({ verdict, rule, steps }: EndVerdict): ExplainedVerdict {
  return {
    verdict,
    rule,
    steps: steps.map(({ rule: id, tier, policy, verdict: action, mismatch, staged }) => {
      const origin = parseRuleId(id);
      return {
        tier,
        policy,
        rule: origin?.kind === "rule" ? origin.rule : id,
        action,
        ...(mismatch === undefined ? {} : { mismatch }),
        ...(staged === undefined ? {} : { staged }),
      };
    }),
  };
}

/** Addresses say less than claims: what one end finds at the other's address may be another than meant. */
function whyUnreachable(world: PolicyWorld, { from, to, source, destination }: Connection): string | undefined {
  if (from.member === undefined || to.member === undefined) return undefined;
  return misled(world, from.member, to.member, destination) ?? misled(world, to.member, from.member, source);
}

function misled(world: PolicyWorld, seen: Member, meant: Member, address: IpAddress): string | undefined {
  if (seen.tenant === meant.tenant) return undefined;
  if (world.network(meant.tenant, meant.network)?.kind === "vxlan") {
    return `${meant.tenant}/${meant.network} is an overlay, which tenant ${seen.tenant} has no way to`;
  }
  const own = [...world.networksAt(address)].find(({ tenant }) => tenant === seen.tenant);
  return own && `for tenant ${seen.tenant}, ${address} is in its own network ${own.name}`;
}

function endOf(address: IpAddress, { member }: Party): Explanation["from"] {
  if (member === undefined) return { address };
  const { tenant, network, identity } = member;
  return { address, claim: { tenant, network, identity } };
}
