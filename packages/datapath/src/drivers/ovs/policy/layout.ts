import { createHash } from "node:crypto";
import type { Family } from "@holdfast/core";
import { type Match, type Meter, type RegisterName, setRegister } from "@holdfast/openflow";
import type { Direction, ProgramId, RuleId } from "@holdfast/policy";
import { EtherType, goto, type Rule, TableId } from "../pipeline/layout.ts";

/**
 * What policy flows read and write. `metadata` says which program decides, in which direction; see {@link pathNumber}.
 *
 * Numbers are made from names, so a restarted agent finds its flows as it would make them.
 */
export const Register = {
  /** Which list of the path, and which section of it: {@link listNumber}. */
  list: "reg4",
  /** The class of the remote address as a member by itself; 64 bits. */
  host: ["reg5", "reg6"],
  /** The class of the longest prefix that has the remote address; 64 bits. */
  prefix: ["reg7", "reg12"],
  /** The remote address: registers 8 to 11, of which IPv4 takes the first. */
  remote: ["reg8", "reg9", "reg10", "reg11"],
  /** 1 when the remote address is of the platform's networks. */
  platform: "reg13",
  /** Which rule has decided; 64 bits. */
  rule: ["reg14", "reg15"],
} as const;

/** High half, low half. */
type Pair = readonly [RegisterName, RegisterName];

/**
 * How a path is walked: to decide; only to count what it would be; or to decide about a packet in the middle of a connection, from the one who did not
 * begin it.
 */
export type Mode = "enforced" | "staged" | "reversed";

/** What {@link Register.list} is where a connection may go on whose packet was found in its middle. */
export const ALLOWED = 0xffff_ffff;

/** 64 bits of a text, never 0: for so many names as a node has, two alike do not happen. */
export function fingerprint(...parts: readonly string[]): bigint {
  const digest = createHash("sha256").update(parts.join("\0")).digest();
  return digest.readBigUInt64BE(0) || 1n;
}

export function pathNumber(program: ProgramId, direction: Direction, mode: Mode): bigint {
  return fingerprint("path", program, direction, mode);
}

export function ruleNumber(program: ProgramId, rule: RuleId): bigint {
  return fingerprint("rule", program, rule);
}

const FOREIGN = 0x1_0000;

export function listNumber(realm: "main" | "foreign", section: number): number {
  return (realm === "foreign" ? FOREIGN : 0) + section;
}

/** Writes 64 bits into two registers. */
export function setPair([high, low]: Pair, value: bigint): Rule["actions"] {
  const [a, b] = halves(value);
  return [setRegister(high, a), setRegister(low, b)];
}

export function pairMatch([high, low]: Pair, value: bigint): NonNullable<Match["registers"]> {
  const [a, b] = halves(value);
  return { [high]: a, [low]: b };
}

function halves(value: bigint): readonly [number, number] {
  return [Number(value >> 32n), Number(value & 0xffff_ffffn)];
}

export function etherTypeOf(family: Family): number {
  return family === "v4" ? EtherType.ipv4 : EtherType.ipv6;
}

/** Of the meters that keep what is told of packets to ten a second and rule: numbers of ports end before them. */
const FIRST_LOG_METER = 0x2_0000;
/** Rules whose numbers end alike share one. */
const LOG_METERS = 1024;

export function logMeterOf(rule: bigint): number {
  return FIRST_LOG_METER + Number(rule % BigInt(LOG_METERS));
}

export function logMeter(id: number): Meter {
  return { id, unit: "packets", rate: 10, burst: 10 };
}

export function isLogMeter({ id }: Meter): boolean {
  return id >= FIRST_LOG_METER && id < FIRST_LOG_METER + LOG_METERS;
}

/** What the first packet of a connection that may be does next; see {@link BEGUN}. */
export function begin(direction: Direction, mark = BEGINNER): Rule["actions"] {
  return [{ kind: "commit", mark }, goto(BEGUN[direction].begun)];
}

/** The mark of a connection whose first packet here was the first. */
const BEGINNER = 2;
/** The mark of a connection whose first packet here was an answer. */
export const ANSWERER = 1;

/**
 * A connection above an endpoint's number is not remembered, and the packet does not show it: only a second look does, which finds no mark. Others are not looked
 * up again.
 */
export const BEGUN = {
  egress: { begun: TableId.policyEgressBegun, counted: TableId.policyEgressCounted },
  ingress: { begun: TableId.policyIngressBegun, counted: TableId.policyIngressCounted },
} as const;

/** What a packet that may pass does next. */
export function onwards(direction: Direction): Rule["actions"][number] {
  return goto(direction === "egress" ? TableId.destination : TableId.delivery);
}
