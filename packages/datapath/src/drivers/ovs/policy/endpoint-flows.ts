import { type Action, connectionState, type FieldName, type Match, NOT_SYN, setRegister } from "@holdfast/openflow";
import type { Direction, EndpointPrograms } from "@holdfast/policy";
import { DROP, EtherType, FROM_THE_LINK, goto, ICMPV6, PORT, type Rule, TableId } from "../pipeline/layout.ts";
import {
  ALLOWED,
  ANSWERER,
  BEGUN,
  begin,
  listNumber,
  type Mode,
  onwards,
  pathNumber,
  Register,
  setPair,
} from "./layout.ts";
import { setList } from "./rule-flows.ts";

/** Connections of an endpoint are in a zone of its own: so tenants with the same addresses cannot meet, nor both ends of one that stays here. */
export function zoneOf(port: number): number {
  return port ^ 0x8000;
}

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

/**
 * Neighbour discovery and multicast listener messages (RFC 4861, RFC 2710, RFC 3810), which the guards look at: only with the hop limit that they have on
 * their link. With another one they would be a way out for whatever somebody writes into them.
 */
const NEVER_DECIDED = [
  { ipTtl: FROM_THE_LINK, icmpTypes: [133, 134, 135, 136, 137] },
  { ipTtl: 1, icmpTypes: [130, 131, 132, 143] },
];

/** What holds for all endpoints that have a policy. */
export function policyBase(): readonly Rule[] {
  const exempt = NEVER_DECIDED.flatMap(({ ipTtl, icmpTypes }) =>
    icmpTypes.map((icmpType): Match => ({ ethType: EtherType.ipv6, ipProto: ICMPV6, ipTtl, icmpType })),
  );
  return [
    ...exempt.map((match) => rule(TableId.policyEgress, 110, match, [goto(TableId.neighbourResponder)])),
    ...exempt.map((match) => rule(TableId.policyIngress, 110, match, [goto(TableId.delivery)])),
    rule(TableId.policyIngress, 110, { ethType: EtherType.arp }, [goto(TableId.delivery)]),
    ...(["egress", "ingress"] as const).flatMap((direction) => [...stateBase(direction), ...begunBase(direction)]),
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

function begunBase(direction: Direction): readonly Rule[] {
  const { begun, counted } = BEGUN[direction];
  return [
    ...FAMILIES.map(({ ethType }) => rule(counted, 100, { ethType, ctMark: 0 }, DROP)),
    ...[begun, counted].map((table) => rule(table, 0, {}, [onwards(direction)])),
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

/** How connections of an endpoint are treated. */
export interface Treatment {
  /** Absent: it has no policy, and everything may begin. */
  readonly programs?: EndpointPrograms | undefined;
  /** There may be so many of them; the switch knows how many. */
  readonly counted?: boolean;
  /** Those that the switch does not know may be picked up in their middle. */
  readonly pickUp?: boolean;
}

/** What an endpoint sends and gets goes through its programs, and what begins a connection past its number of them. */
export function endpointFlows(port: number, treatment: Treatment): readonly Rule[] {
  return [
    // A frame to all comes to the port that it is from, too, where the switch stops it.
    rule(TableId.policyIngress, 120, { inPort: port, registers: { [PORT]: port } }, DROP),
    ...(["egress", "ingress"] as const).flatMap((direction) => sideFlows(port, direction, treatment)),
  ];
}

function sideFlows(port: number, direction: Direction, { programs, counted, pickUp }: Treatment): readonly Rule[] {
  const { track, state, of } = SIDES[direction];
  return FAMILIES.flatMap(({ ethType, remote, ...fields }) => {
    const match = { ...of(port), ethType };
    const copy: Action = { kind: "move", from: fields[direction] satisfies FieldName, to: remote };
    const begins = { ...match, ctState: connectionState("+new", "+trk") };
    const look = (table: number): Action => ({ kind: "track", zone: zoneOf(port), table });
    const { begun, counted: lookedUp } = BEGUN[direction];
    const side = { state, match, begins, copy };
    return [
      rule(track, 100, match, [look(state)]),
      ...(counted === true ? [rule(begun, 100, match, [look(lookedUp)])] : []),
      ...(programs === undefined ? undecidedFlows(side, direction) : decidedFlows(side, programs, direction, pickUp)),
    ];
  });
}

/** Whatever it is, also what was begun before anybody looked: a policy that comes later has to know who has begun that, see {@link pickUpFlows}. */
function undecidedFlows({ state, begins }: Side, direction: Direction): readonly Rule[] {
  const middle = { ...begins, ipProto: TCP, tcpFlags: NOT_SYN };
  return [
    rule(state, 116, { ...middle, tcpSrc: SERVICE, tcpDst: EPHEMERAL }, begin(direction, ANSWERER)),
    rule(state, 115, begins, begin(direction)),
  ];
}

function decidedFlows(side: Side, programs: EndpointPrograms, direction: Direction, pickUp = false): readonly Rule[] {
  const { state, match, begins, copy } = side;
  const decided = [copy, ...walks(programs, direction)];
  const echo = { ...match, ...ECHO_REQUEST, ctState: connectionState("+est", "-rpl", "+trk") };
  return [
    rule(state, 100, begins, decided),
    ...(match.ethType === EtherType.ipv6 ? [rule(state, 125, echo, decided)] : []),
    ...(pickUp ? pickUpFlows({ ...side, decided }, programs, direction) : []),
  ];
}

interface Side {
  readonly state: number;
  readonly match: Match;
  readonly begins: Match;
  readonly copy: Action;
}

/** Ports that systems give to who begins a connection are among these (RFC 6056; from 32768 in Linux); the services that have one, seldom. */
const EPHEMERAL = { value: 0x8000, mask: 0x8000 } as const;
const SERVICE = { value: 0, mask: 0x8000 } as const;

/**
 * A packet in the middle of a TCP connection that the switch does not know, from the endpoint (egress) or for it. Who has begun it is seen by the ports; where
 * they do not say it, both readings must allow it. So what was denied does not come back when the other end is heard first.
 */
function pickUpFlows(
  side: Side & { readonly decided: readonly Action[] },
  { program }: EndpointPrograms,
  direction: Direction,
): readonly Rule[] {
  const { state, match, begins, copy, decided } = side;
  const middle = { ...begins, ipProto: TCP, tcpFlags: NOT_SYN };
  const other = direction === "egress" ? "ingress" : "egress";
  const allowed = { ...match, ipProto: TCP, registers: { ...match.registers, [Register.list]: ALLOWED } };
  const answer = { tcpSrc: SERVICE, tcpDst: EPHEMERAL };
  return [
    rule(state, 116, { ...middle, tcpSrc: EPHEMERAL, tcpDst: SERVICE }, decided),
    rule(state, 115, middle, [copy, ...walk(program, other, "reversed"), goto(TableId.policyPickedUp)]),
    rule(TableId.policyPickedUp, 110, { ...allowed, ...answer }, begin(direction, ANSWERER)),
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
