import type { Family } from "@holdfast/core";
import type { PolicyService, Ports } from "@holdfast/model";
import type { IcmpMatch, PortRange, Service } from "./rule-program.ts";

const NUMBERS = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;
const LAST_PORT = 65_535;
const ANY_PORT: readonly PortRange[] = [{ first: 0, last: LAST_PORT }];
/** Protocols that belong to one family. */
const OF_FAMILY = new Map<number, Family>([
  [1, "v4"],
  [58, "v6"],
]);

/** The IANA number of a protocol as rules write it. */
export function protocolNumber(protocol: PolicyService["protocol"]): number {
  return typeof protocol === "number" ? protocol : NUMBERS[protocol];
}

/** A port or a range as rules write it. */
export function portRange(ports: Ports): PortRange {
  if (typeof ports === "number") return { first: ports, last: ports };
  const [first = 0, last = 0] = ports.split("-").map(Number);
  return { first, last };
}

/** What a rule's services are in one family, none overlapping another; empty: there is nothing in this family that it could match. */
export function compileServices(services: readonly PolicyService[], family: Family): Service[] {
  const byProtocol = Map.groupBy(services, ({ protocol }) => protocolNumber(protocol));
  return [...byProtocol]
    .filter(([protocol]) => (OF_FAMILY.get(protocol) ?? family) === family)
    .sort(([a], [b]) => a - b)
    .flatMap(([protocol, ofProtocol]) => [
      ...icmpServices(protocol, ofProtocol),
      ...portServices(protocol, ofProtocol),
    ]);
}

/** Ascending, neither overlapping nor adjacent. */
function mergedRanges(ranges: Iterable<PortRange>): PortRange[] {
  const merged: { first: number; last: number }[] = [];
  for (const { first, last } of [...ranges].sort((a, b) => a.first - b.first)) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else merged.push({ first, last });
  }
  return merged;
}

function icmpServices(protocol: number, services: readonly PolicyService[]): Service[] {
  if (!OF_FAMILY.has(protocol)) return [];
  const matches = services.map((service): Partial<IcmpMatch> => {
    if (!("type" in service) || service.type === undefined) return {};
    return service.code === undefined ? { type: service.type } : { type: service.type, code: service.code };
  });
  if (matches.some(({ type }) => type === undefined)) return [{ protocol }];
  const wholeTypes = new Set(matches.filter(({ code }) => code === undefined).map(({ type }) => type));
  const kept = matches.filter(({ type, code }) => code === undefined || !wholeTypes.has(type));
  const unique = new Map(kept.map((match) => [`${match.type}/${match.code}`, match as IcmpMatch]));
  return [...unique.values()]
    .sort((a, b) => a.type - b.type || (a.code ?? 0) - (b.code ?? 0))
    .map((icmp) => ({ protocol, icmp }));
}

/** Rectangles of destination and source ports, cut so that none overlaps another. */
function portServices(protocol: number, services: readonly PolicyService[]): Service[] {
  if (OF_FAMILY.has(protocol)) return [];
  const rectangles = services.map((service) => ({
    destination: portsOf("ports" in service ? service.ports : undefined),
    source: portsOf("sourcePorts" in service ? service.sourcePorts : undefined),
  }));
  const edges = new Set(
    rectangles.flatMap(({ destination }) => destination.flatMap(({ first, last }) => [first, last + 1])),
  );
  const cuts = [...edges].sort((a, b) => a - b);
  const bySource = new Map<string, { source: PortRange[]; destination: PortRange[] }>();
  for (const [index, first] of cuts.entries()) {
    const covering = rectangles.filter(({ destination }) => isIn(destination, first));
    if (covering.length === 0) continue;
    const source = mergedRanges(covering.flatMap((rectangle) => rectangle.source));
    const entry = bySource.getOrInsertComputed(JSON.stringify(source), () => ({ source, destination: [] }));
    entry.destination.push({ first, last: (cuts[index + 1] ?? LAST_PORT + 1) - 1 });
  }
  return [...bySource.values()].map(({ source, destination }) =>
    portService(protocol, mergedRanges(destination), source),
  );
}

function portService(protocol: number, destination: readonly PortRange[], source: readonly PortRange[]): Service {
  return {
    protocol,
    ...(isAnyPort(destination) ? {} : { destinationPorts: nonEmpty(destination) }),
    ...(isAnyPort(source) ? {} : { sourcePorts: nonEmpty(source) }),
  };
}

function portsOf(ports: readonly Ports[] | undefined): readonly PortRange[] {
  return ports === undefined ? ANY_PORT : mergedRanges(ports.map(portRange));
}

function isIn(ranges: readonly PortRange[], port: number): boolean {
  return ranges.some(({ first, last }) => first <= port && port <= last);
}

function isAnyPort([only, ...others]: readonly PortRange[]): boolean {
  return only?.first === 0 && only.last === LAST_PORT && others.length === 0;
}

function nonEmpty<T>(list: readonly T[]): readonly [T, ...T[]] {
  const [first, ...others] = list;
  if (first === undefined) throw new TypeError("bug: a service without ports");
  return [first, ...others];
}
