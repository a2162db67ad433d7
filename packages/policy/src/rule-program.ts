import type { Cidr, Family } from "@holdfast/core";

/** As seen from the endpoint whose policy it is: `ingress` is what others begin with it, `egress` what it begins. */
export type Direction = "ingress" | "egress";

/** `pass`: the next section decides. */
export type Verdict = "allow" | "deny" | "pass";

/**
 * Names a set and its family, e.g. `"group/default/web/v4"`: letters, digits, `/`, `.`, `_` and `-`, so that it is an nft identifier as it stands.
 *
 * The same set has the same id on every node and after every restart.
 */
export type SetId = string;

/**
 * Names the ordered list of policies that a program is made of, e.g. `"default/0c2e…"`: the tenant and 28 hexadecimal digits. A policy whose rules change keeps
 * its programs' ids.
 */
export type ProgramId = string;

/** Which rule decided, e.g. `"rule/default/web/ingress/https"`; see `rule-id.ts`. Counters, logs and explanations go by it. */
export type RuleId = string;

/**
 * Addresses that rules refer to: members of a group, a named address set, the prefixes of a tenant. Changes of it are no change of a program.
 */
export interface PolicySet {
  readonly id: SetId;
  readonly family: Family;
  /** Of the family of the set; no member contains another, so that they can be intervals of a map as they are. May be empty. */
  readonly members: readonly Cidr[];
}

/**
 * What changes in a set that the receiver has. After it, too, no member contains another; `remove` comes before `add`. Removing what is absent and adding
 * what is there are no news.
 */
export interface SetEdit {
  readonly id: SetId;
  readonly remove: readonly Cidr[];
  readonly add: readonly Cidr[];
}

/** All that is decided for the endpoints that have it. Never changed in place: parts that stay the same are the same objects in the next version. */
export interface Program {
  readonly id: ProgramId;
  readonly v4: FamilyProgram;
  readonly v6: FamilyProgram;
}

export interface FamilyProgram {
  readonly ingress: Path;
  readonly egress: Path;
}

/**
 * What decides about the first packet of a connection. Replies, and ICMP errors about an allowed connection, pass without it, and so do ARP,
 * neighbour discovery and multicast listener messages, which the guards against spoofing look at.
 */
export interface Path {
  readonly realms: Realms;
  /** For remotes inside the tenant and outside the platform. */
  readonly main: readonly Section[];
  /** For remotes of other tenants. Without contracts it is one rule that denies all. */
  readonly foreign: readonly Section[];
}

/** Which list a remote address is for: in `own`: main; else in `platform`: foreign; else main. */
export interface Realms {
  /** Prefixes of the tenant's own networks. */
  readonly own: SetId;
  /** Prefixes of all tenants' networks that share the company's address space: routed and VLAN networks. */
  readonly platform: SetId;
}

/**
 * Stages in order; the first rule that matches decides. `pass`, and no match, mean the next section. The last stage of the last section has one
 * rule that matches everything and does not pass, so that every path decides.
 */
export interface Section {
  readonly stages: readonly Stage[];
}

/**
 * Rules between which order does not matter for the verdict: any two that one packet can match have the same verdict. So a stage can be one lookup.
 */
export interface Stage {
  /**
   * No packet can match two of the rules, so that not even who counts depends on the order. Else, of several that match, the first in order is the one
   * that decides, for counters and explanations.
   */
  readonly disjoint: boolean;
  /** At least one. */
  readonly rules: readonly ProgramRule[];
}

/** Matches when the remote address *and* the service match. */
export interface ProgramRule {
  readonly id: RuleId;
  readonly verdict: Verdict;
  /** Every packet that it decides about is to be logged, at a bounded rate. */
  readonly log: boolean;
  readonly remote: "any" | Remote;
  readonly services: "any" | readonly [Service, ...Service[]];
}

/** Any of these; at least one. */
export interface Remote {
  /** Of the path's family. */
  readonly sets: readonly SetId[];
  /** Of the path's family; none contains another. Exceptions have been cut out already. */
  readonly prefixes: readonly Cidr[];
}

/** Any of a rule's services; no packet matches two of one rule. */
export interface Service {
  /** IP protocol number, e.g. 6 (TCP), 17 (UDP), 132 (SCTP), 1 (ICMP, only in v4), 58 (ICMPv6, only in v6). */
  readonly protocol: number;
  /** Only of TCP, UDP and SCTP; ascending, neither overlapping nor adjacent. Absent: any. */
  readonly destinationPorts?: readonly [PortRange, ...PortRange[]] | undefined;
  /** Likewise. Absent: any. */
  readonly sourcePorts?: readonly [PortRange, ...PortRange[]] | undefined;
  /** Only of ICMP and ICMPv6. Absent: any. */
  readonly icmp?: IcmpMatch | undefined;
}

/** Both ends included: 0 to 65535. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export interface IcmpMatch {
  readonly type: number;
  /** Absent: any. */
  readonly code?: number | undefined;
}

/** Which programs an endpoint has. */
export interface EndpointPrograms {
  readonly program: ProgramId;
  /** What it would be with staged policies enforced: counted, never enforced. Absent: no staged policy concerns the endpoint. */
  readonly staged?: ProgramId | undefined;
}

export interface EndpointPolicy extends EndpointPrograms {
  /** The agent's id of the endpoint. */
  readonly endpoint: string;
}

/**
 * What is new, in one piece: after it everything that is referred to is there. What nothing refers to any more is in `programsGone` and `setsGone`.
 */
export interface PolicyChange {
  /** New, or to be replaced as a whole. */
  readonly sets: readonly PolicySet[];
  readonly setEdits: readonly SetEdit[];
  readonly setsGone: readonly SetId[];
  /** New, or a new version of what has the id. */
  readonly programs: readonly Program[];
  readonly programsGone: readonly ProgramId[];
  /** Endpoints whose programs are others than before. */
  readonly endpoints: readonly EndpointPolicy[];
}
