import { Cidr, type IpAddress } from "@holdfast/core";
import type { Direction, Path, Program, ProgramRule, Remote, Section, Service, SetId } from "./rule-program.ts";

/** The first packet of a connection, as the endpoint that has the program sees it. */
export interface Packet {
  readonly direction: Direction;
  /** The other end. */
  readonly remote: IpAddress;
  /** IP protocol number. */
  readonly protocol: number;
  /** Of TCP, UDP and SCTP, of whoever begins the connection. */
  readonly sourcePort?: number;
  /** Of TCP, UDP and SCTP, of the one with whom it is begun. */
  readonly destinationPort?: number;
  /** Of ICMP and ICMPv6. */
  readonly icmp?: { readonly type: number; readonly code: number };
}

/** Whether an address is in a set; false for sets that are not there. */
export type Contains = (set: SetId, address: IpAddress) => boolean;

export interface Decision {
  readonly verdict: "allow" | "deny";
  /** The rule that decided. */
  readonly rule: ProgramRule;
}

/**
 * What a program means: the first rule that matches. Data paths must come to the same; they also ask it which of their established connections a new
 * program denies.
 */
export function decide(program: Program, packet: Packet, contains: Contains): Decision {
  const family = packet.remote.includes(":") ? program.v6 : program.v4;
  const path = family[packet.direction];
  for (const section of sectionsFor(path, packet.remote, contains)) {
    const rule = firstMatch(section, packet, contains);
    if (rule !== undefined && rule.verdict !== "pass") return { verdict: rule.verdict, rule };
  }
  throw new TypeError(`bug: program ${program.id} does not end with a rule for everything`);
}

/** Whether a rule matches a packet of its path's family. */
export function matches(rule: ProgramRule, packet: Packet, contains: Contains): boolean {
  const { remote, services } = rule;
  if (services !== "any" && !services.some((service) => matchesService(service, packet))) return false;
  return remote === "any" || isRemote(remote, packet.remote, contains);
}

function sectionsFor({ realms, main, foreign }: Path, remote: IpAddress, contains: Contains): readonly Section[] {
  return !contains(realms.own, remote) && contains(realms.platform, remote) ? foreign : main;
}

function firstMatch({ stages }: Section, packet: Packet, contains: Contains): ProgramRule | undefined {
  for (const { rules } of stages) {
    const rule = rules.find((candidate) => matches(candidate, packet, contains));
    if (rule !== undefined) return rule;
  }
  return undefined;
}

function isRemote({ sets, prefixes }: Remote, address: IpAddress, contains: Contains): boolean {
  return sets.some((set) => contains(set, address)) || prefixes.some((prefix) => Cidr.contains(prefix, address));
}

function matchesService({ protocol, destinationPorts, sourcePorts, icmp }: Service, packet: Packet): boolean {
  if (protocol !== packet.protocol) return false;
  if (icmp !== undefined) {
    return packet.icmp?.type === icmp.type && (icmp.code === undefined || packet.icmp.code === icmp.code);
  }
  return isIn(destinationPorts, packet.destinationPort) && isIn(sourcePorts, packet.sourcePort);
}

function isIn(ranges: Service["destinationPorts"], port: number | undefined): boolean {
  if (ranges === undefined) return true;
  return port !== undefined && ranges.some(({ first, last }) => first <= port && port <= last);
}
