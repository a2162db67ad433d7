import { Cidr, type IpAddress } from "@holdfast/core";
import type { ConnectionTuple } from "@holdfast/openflow";
import { decide, type Packet, type PolicyChange } from "@holdfast/policy";
import { ICMPV6 } from "../pipeline/layout.ts";
import { zoneOf } from "./endpoint-flows.ts";
import { ANSWERER } from "./layout.ts";
import { type PolicedPort, type PolicyPlan, setsOf } from "./policy-plan.ts";
import type { TrackedConnection } from "./tracked-connections.ts";

/** Whether a change may have denied connections with a remote address. */
type Concerns = (remote: IpAddress) => boolean;

/** By zone: of the endpoints that a change concerns. */
export function concernedZones(plan: PolicyPlan, change: PolicyChange): ReadonlyMap<number, ConcernedPort> {
  const endpoints = new Set(change.endpoints.map(({ endpoint }) => endpoint));
  const programs = new Set(change.programs.map(({ id }) => id));
  const replaced = new Set([...change.sets.map(({ id }) => id), ...change.setsGone]);
  const edited = new Map(change.setEdits.map(({ id, remove, add }) => [id, [...remove, ...add]]));
  const zones = new Map<number, ConcernedPort>();
  for (const [endpoint, port] of plan.ports()) {
    if (port.programs === undefined) continue;
    const program = plan.program(port.programs.program);
    const sets = program === undefined ? [] : [...setsOf(program)];
    const whole =
      endpoints.has(endpoint) || programs.has(port.programs.program) || sets.some((set) => replaced.has(set));
    const members = whole ? [] : sets.flatMap((set) => edited.get(set) ?? []);
    if (!whole && members.length === 0) continue;
    const concerns: Concerns = (remote) => whole || members.some((member) => Cidr.contains(member, remote));
    zones.set(zoneOf(port.port), { port, concerns });
  }
  return zones;
}

export interface ConcernedPort {
  readonly port: PolicedPort;
  readonly concerns: Concerns;
}

/** Of the connections that were allowed before, those that the programs deny now. */
export function deniedConnections(
  plan: PolicyPlan,
  zones: ReadonlyMap<number, ConcernedPort>,
  connections: readonly TrackedConnection[],
): readonly ConnectionTuple[] {
  return connections.filter((connection) => {
    const concerned = zones.get(connection.zone);
    // Of ICMPv6 each request is decided, and the switch must not be told to forget any.
    if (concerned === undefined || connection.protocol === ICMPV6) return false;
    const packet = firstPacket(connection, concerned.port);
    if (!concerned.concerns(packet.remote)) return false;
    const program = plan.program(concerned.port.programs?.program ?? "");
    if (program === undefined) return true;
    return decide(program, packet, (set, address) => plan.contains(set, address)).verdict === "deny";
  });
}

/** As the endpoint saw it. */
function firstPacket(connection: TrackedConnection, { addresses }: PolicedPort): Packet {
  const { source, destination, protocol, sourcePort, destinationPort, icmp } =
    connection.mark === ANSWERER ? turned(connection) : connection;
  const begun = addresses.includes(source);
  return {
    direction: begun ? "egress" : "ingress",
    remote: begun ? destination : source,
    protocol,
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
    ...(icmp === undefined ? {} : { icmp }),
  };
}

/** Begun by the other end. */
function turned({ source, destination, sourcePort, destinationPort, ...rest }: TrackedConnection): TrackedConnection {
  return {
    ...rest,
    source: destination,
    destination: source,
    ...(sourcePort === undefined ? {} : { destinationPort: sourcePort }),
    ...(destinationPort === undefined ? {} : { sourcePort: destinationPort }),
  };
}
