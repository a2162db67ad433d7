import { FIELDS, type Prerequisite } from "../fields.ts";
import type { Action, Flow, Match } from "../flow.ts";
import { matchEntries } from "../match-fields.ts";

/** Tables that Open vSwitch keeps for itself, and "all tables". */
const FIRST_HIDDEN_TABLE = 254;

/** Ports have 16 bits inside Open vSwitch; the highest of them are reserved. */
const FIRST_RESERVED_PORT = 0xff00;
const FIRST_RESERVED_PORT_32 = 0xffff_ff00;

/** The name of the error with which Open vSwitch refuses to add a flow; undefined when it takes it. */
export function refusal(flow: Flow): string | undefined {
  return refusedTable(flow.table) ?? refusedMatch(flow.match) ?? refusedActions(flow.match, flow.actions);
}

export function refusedTable(table: number): string | undefined {
  if (table < FIRST_HIDDEN_TABLE) return undefined;
  return table === FIRST_HIDDEN_TABLE ? "OFPBRC_EPERM" : "OFPFMFC_BAD_TABLE_ID";
}

/** A match with a field whose prerequisites it does not have. */
export function refusedMatch(match: Match): string | undefined {
  return matchEntries(match).every(({ field }) => holds(field.needs, match)) ? undefined : "OFPBMC_BAD_PREREQ";
}

/** Actions on fields that the matched packets need not have. */
export function refusedActions(match: Match, actions: readonly Action[]): string | undefined {
  let tagged = typeof match.vlan === "number";
  for (const action of actions) {
    if (action.kind === "output" && !isPort(action.port)) return "OFPBAC_BAD_OUT_PORT";
    if (action.kind === "pop-vlan" && !tagged) return "OFPBAC_MATCH_INCONSISTENT";
    if (action.kind === "push-vlan") tagged = true;
    if (action.kind === "pop-vlan") tagged = false;
    if (!needsOf(action).every((needs) => holds(needs, match))) return "OFPBAC_MATCH_INCONSISTENT";
  }
  return undefined;
}

function isPort(port: number): boolean {
  return (port > 0 && port < FIRST_RESERVED_PORT) || port > FIRST_RESERVED_PORT_32;
}

function needsOf(action: Action): readonly Prerequisite[] {
  switch (action.kind) {
    case "set-field":
      return [FIELDS[action.field].needs];
    case "move":
      return [FIELDS[action.from].needs, FIELDS[action.to].needs];
    case "dec-ttl":
      return ["ip"];
    case "track":
    case "commit":
      return ["ip"];
    case "translate":
      return [action.destination === undefined ? "ip" : "ipv4"];
    case "output":
    case "output-in-port":
    case "output-register":
    case "normal":
    case "resubmit":
    case "conjunction":
    case "push-vlan":
    case "pop-vlan":
    case "meter":
    case "tell":
    case "opaque":
      return [];
  }
}

function holds(needs: Prerequisite, match: Match): boolean {
  const { ethType, ipProto, icmpType } = match;
  const ip = ethType === 0x0800 || ethType === 0x86dd;
  const icmpv6 = ethType === 0x86dd && ipProto === 58;
  switch (needs) {
    case "none":
      return true;
    case "arp":
      return ethType === 0x0806 || ethType === 0x8035;
    case "ipv4":
      return ethType === 0x0800;
    case "ipv6":
      return ethType === 0x86dd;
    case "ip":
      return ip;
    case "tcp":
      return ip && ipProto === 6;
    case "udp":
      return ip && ipProto === 17;
    case "sctp":
      return ip && ipProto === 132;
    case "icmpv4":
      return ethType === 0x0800 && ipProto === 1;
    case "icmpv6":
      return icmpv6;
    case "nd":
      return icmpv6 && (icmpType === 135 || icmpType === 136) && (match.icmpCode ?? 0) === 0;
    case "nd-solicit":
      return icmpv6 && icmpType === 135 && (match.icmpCode ?? 0) === 0;
    case "nd-advert":
      return icmpv6 && icmpType === 136 && (match.icmpCode ?? 0) === 0;
  }
}
