import { type Action, connectionState, type FieldName, type Match, NOT_SYN, setRegister } from "@holdfast/openflow";
import type { Direction, EndpointPrograms } from "@holdfast/policy";
import { DROP, EtherType, goto, ICMPV6, PORT, type Rule, TableId } from "../pipeline/layout.ts";
import { ALLOWED, listNumber, type Mode, onwards, pathNumber, Register, setPair } from "./layout.ts";
import { setList } from "./rule-flows.ts";

/** Connections of an endpoint are in a zone of its own: so tenants with the same addresses cannot meet, nor both ends of one that stays here. */
export function zoneOf(port: number): number {
  return port ^ 0x8000;
}

/** The mark of a connection whose first packet here was an answer. */
export const ANSWERER = 1;

const TCP = 6;
const FAMILIES = [
  { ethType: EtherType.ipv4, remote: "reg8", ingress: "ip_src", egress: "ip_dst" },
  { ethType: EtherType.ipv6, remote: "xxreg2", ingress: "ipv6_src", egress: "ipv6_dst" },
] as const;

/** Table of the first look, of the second, and where in a flow the endpoint is, by direction. */
const SIDES = {
  egress: {
    track: TableId.policyEgress,
    state: TableId.policyEgressState,
    of: (port: number): Match => ({ inPort: port }),
  },
  ingress: {
    track: TableId.policyIngress,
    state: TableId.policyIngressState,
    of: (port: number): Match => ({ registers: { [PORT]: port } }),
  },
} as const;

/** Neighbour discovery and multicast listener messages, which the guards look at. */
const NEVER_DECIDED = [130, 131, 132, 133, 134, 135, 136, 137, 143];

/** What holds for all endpoints that have a policy. */
export function policyBase(): readonly Rule[] {
  const exempt = NEVER_DECIDED.map((icmpType): Match => ({ ethType: EtherType.ipv6, ipProto: ICMPV6, icmpType }));
  return [
    ...exempt.map((match) => rule(TableId.policyEgress, 110, match, [goto(TableId.neighbourResponder)])),
    ...exempt.map((match) => rule(TableId.policyIngress, 110, match, [goto(TableId.delivery)])),
    rule(TableId.policyIngress, 110, { ethType: EtherType.arp }, [goto(TableId.delivery)]),
    ...(["egress", "ingress"] as const).flatMap(stateBase),
    rule(TableId.policyHosts, 0, {}, [...setPair(Register.host, 0n), goto(TableId.policyPrefixes)]),
    rule(TableId.policyPrefixes, 0, {}, [...setPair(Register.prefix, 0n), goto(TableId.policyRealms)]),
    rule(TableId.policyRealms, 20, { registers: { [Register.platform]: 1 } }, [
      setList(listNumber("foreign", 0)),
      goto(TableId.policyRules),
    ]),
    rule(TableId.policyRealms, 10, {}, [setList(listNumber("main", 0)), goto(TableId.policyRules)]),
    rule(TableId.delivery, 100, {}, [{ kind: "output-register", register: PORT }]),
    ...[TableId.policyEgress, TableId.policyIngress, TableId.policyEgressState, TableId.policyIngressState].map(
      (table) => rule(table, 0, {}, DROP),
    ),
    ...[TableId.policyRules, TableId.policyCounters, TableId.policyPickedUp].map((table) => rule(table, 0, {}, DROP)),
  ];
}

/** Established and related go on, before any rule; what is no part of any connection goes nowhere. */
function stateBase(direction: Direction): readonly Rule[] {
  const { state } = SIDES[direction];
  return [
    rule(state, 130, { ctState: connectionState("+inv", "+trk") }, DROP),
    rule(state, 120, { ctState: connectionState("+est", "+trk") }, [onwards(direction)]),
    rule(state, 120, { ctState: connectionState("+rel", "+trk") }, [onwards(direction)]),
  ];
}

/**
 * A TCP connection begins with SYN. Otherwise one that was cut would go on as one that the other end has begun.
 */
export function onlyBeginnings(): readonly Rule[] {
  const match = { ipProto: TCP, tcpFlags: NOT_SYN, ctState: connectionState("+new", "+trk") };
  return Object.values(SIDES).flatMap(({ state }) =>
    FAMILIES.map(({ ethType }) => rule(state, 110, { ethType, ...match }, DROP)),
  );
}

/**
 * Each is decided like a first one: nothing of ICMPv6 has to be cut then, and ovs-vswitchd (3.1) ends when it is told to forget an echo of ICMPv6, for which
 * it looks for the opposite of its type among those of ICMP.
 */
const ECHO_REQUEST = { ipProto: ICMPV6, icmpType: 128 } as const;

/** What an endpoint sends and gets goes through its programs. */
export function endpointFlows(port: number, programs: EndpointPrograms, pickUp: boolean): readonly Rule[] {
  return [
    // A frame to all comes to the port that it is from, too, where the switch stops it.
    rule(TableId.policyIngress, 120, { inPort: port, registers: { [PORT]: port } }, DROP),
    ...(["egress", "ingress"] as const).flatMap((direction) => sideFlows(port, direction, programs, pickUp)),
  ];
}

function sideFlows(port: number, direction: Direction, programs: EndpointPrograms, pickUp: boolean): readonly Rule[] {
  const { track, state, of } = SIDES[direction];
  return FAMILIES.flatMap(({ ethType, remote, ...fields }) => {
    const match = { ...of(port), ethType };
    const copy: Action = { kind: "move", from: fields[direction] satisfies FieldName, to: remote };
    const begins = { ...match, ctState: connectionState("+new", "+trk") };
    const decided = [copy, ...walks(programs, direction)];
    const isV6 = ethType === EtherType.ipv6;
    return [
      rule(track, 100, match, [{ kind: "track", zone: zoneOf(port), table: state }]),
      rule(state, 100, begins, decided),
      ...(isV6
        ? [rule(state, 125, { ...match, ...ECHO_REQUEST, ctState: connectionState("+est", "-rpl", "+trk") }, decided)]
        : []),
      ...(pickUp ? pickUpFlows({ state, match, begins, copy, decided }, programs, direction) : []),
    ];
  });
}

interface Side {
  readonly state: number;
  readonly match: Match;
  readonly begins: Match;
  readonly copy: Action;
  readonly decided: readonly Action[];
}

/** Ports that systems give to who begins a connection are among these (RFC 6056; from 32768 in Linux); the services that have one, seldom. */
const EPHEMERAL = { value: 0x8000, mask: 0x8000 } as const;
const SERVICE = { value: 0, mask: 0x8000 } as const;

/**
 * A packet in the middle of a TCP connection that the switch does not know, from the endpoint (egress) or for it. Who has begun it is seen by the ports; where
 * they do not say it, both readings must allow it. So what was denied does not come back when the other end is heard first.
 */
function pickUpFlows(side: Side, { program }: EndpointPrograms, direction: Direction): readonly Rule[] {
  const { state, match, begins, copy, decided } = side;
  const middle = { ...begins, ipProto: TCP, tcpFlags: NOT_SYN };
  const other = direction === "egress" ? "ingress" : "egress";
  const allowed = { ...match, ipProto: TCP, registers: { ...match.registers, [Register.list]: ALLOWED } };
  const answer = { tcpSrc: SERVICE, tcpDst: EPHEMERAL };
  return [
    rule(state, 116, { ...middle, tcpSrc: EPHEMERAL, tcpDst: SERVICE }, decided),
    rule(state, 115, middle, [copy, ...walk(program, other, "reversed"), goto(TableId.policyPickedUp)]),
    rule(TableId.policyPickedUp, 110, { ...allowed, ...answer }, [
      { kind: "commit", mark: ANSWERER },
      onwards(direction),
    ]),
    rule(TableId.policyPickedUp, 100, allowed, decided),
  ];
}

/** First what staged policies would decide, which is only counted. */
function walks({ program, staged }: EndpointPrograms, direction: Direction): readonly Action[] {
  return [...(staged === undefined ? [] : walk(staged, direction, "staged")), ...walk(program, direction, "enforced")];
}

function walk(id: string, direction: Direction, mode: Mode): readonly Action[] {
  return [
    { kind: "set-field", field: "metadata", value: pathNumber(id, direction, mode) },
    setRegister(Register.platform, 0),
    goto(TableId.policyHosts),
  ];
}

function rule(table: number, priority: number, match: Match, actions: readonly Action[]): Rule {
  return { table, priority, match, actions };
}
