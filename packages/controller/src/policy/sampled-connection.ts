import { IpAddress } from "@holdfast/core";
import type { FlowSample } from "@holdfast/model";

/** The connection that a sampled packet is of, as far as the packet tells it. */
export interface SampledConnection {
  readonly from: FlowSample["source"] & { readonly address: IpAddress };
  readonly to: FlowSample["source"] & { readonly address: IpAddress };
  readonly protocol: number;
  /** Of who began it. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** The packet goes back to who began it. */
  readonly isReply: boolean;
}

/** TCP, UDP and SCTP: of others a packet does not tell who began. */
const WITH_PORTS = new Set([6, 17, 132]);
/** The first that Linux gives to who begins (`net.ipv4.ip_local_port_range`). */
const FIRST_OF_CLIENTS = 32_768;
const [SYN, ACK] = [0x02, 0x10];

/** Undefined: it is not clear which end serves, or an address is not told. */
export function connectionOf(sample: FlowSample): SampledConnection | undefined {
  const { source, destination, protocol = 0 } = sample;
  const [from, to] = [withAddress(source), withAddress(destination)];
  if (!WITH_PORTS.has(protocol) || from === undefined || to === undefined) return undefined;
  const [sourcePort, destinationPort] = [source.port, destination.port];
  if (sourcePort === undefined || destinationPort === undefined) return undefined;
  const isReply = isOfServer(sample, sourcePort, destinationPort);
  if (isReply === undefined) return undefined;
  return isReply
    ? { from: to, to: from, protocol, sourcePort: destinationPort, destinationPort: sourcePort, isReply }
    : { from, to, protocol, sourcePort, destinationPort, isReply };
}

/** Whether who serves has sent it: by the flags of a packet that opens a connection, else by its ports, where only one is a server's. */
function isOfServer(
  { protocol, tcpFlags = 0 }: FlowSample,
  sourcePort: number,
  destinationPort: number,
): boolean | undefined {
  if (protocol === 6 && (tcpFlags & SYN) !== 0) return (tcpFlags & ACK) !== 0;
  const [ofSource, ofDestination] = [sourcePort < FIRST_OF_CLIENTS, destinationPort < FIRST_OF_CLIENTS];
  return ofSource === ofDestination ? undefined : ofSource;
}

function withAddress(end: FlowSample["source"]): SampledConnection["from"] | undefined {
  return end.address === undefined ? undefined : { ...end, address: IpAddress.parse(end.address) };
}
