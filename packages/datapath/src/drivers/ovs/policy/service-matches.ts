import type { Match } from "@holdfast/openflow";
import type { ProgramRule, Service } from "@holdfast/policy";
import { type PortMask, portMasks } from "./port-masks.ts";

const TCP = 6;
const UDP = 17;
const SCTP = 132;

/** A packet has the service when it has one of these; of a whole match they are the part that says so. */
export function serviceMatches(services: "any" | readonly Service[]): readonly Match[] {
  return services === "any" ? [{}] : services.flatMap(matchesOf);
}

/** The same of what the other end of a TCP connection answers; of no other protocol. */
export function reversedMatches(services: ProgramRule["services"]): readonly Match[] {
  if (services === "any") return [{}];
  return serviceMatches(
    services.flatMap(({ protocol, sourcePorts, destinationPorts }) =>
      protocol === TCP ? { protocol, sourcePorts: destinationPorts, destinationPorts: sourcePorts } : [],
    ),
  );
}

function matchesOf({ protocol, destinationPorts, sourcePorts, icmp }: Service): readonly Match[] {
  if (icmp !== undefined) {
    const { type, code } = icmp;
    return [{ ipProto: protocol, icmpType: type, ...(code === undefined ? {} : { icmpCode: code }) }];
  }
  const to = destinationPorts?.flatMap(portMasks) ?? [undefined];
  const from = sourcePorts?.flatMap(portMasks) ?? [undefined];
  return from.flatMap((source) => to.map((port) => ({ ipProto: protocol, ...ports(protocol, source, port) })));
}

function ports(protocol: number, from: PortMask | undefined, to: PortMask | undefined): Match {
  switch (protocol) {
    case TCP:
      return { ...(from === undefined ? {} : { tcpSrc: from }), ...(to === undefined ? {} : { tcpDst: to }) };
    case UDP:
      return { ...(from === undefined ? {} : { udpSrc: from }), ...(to === undefined ? {} : { udpDst: to }) };
    case SCTP:
      return { ...(from === undefined ? {} : { sctpSrc: from }), ...(to === undefined ? {} : { sctpDst: to }) };
    default:
      return {};
  }
}
