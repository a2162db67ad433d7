import { HoldfastError, type Name } from "@holdfast/core";
import { isOnWire, type PublishedPort } from "@holdfast/model";
import { callName, type LocalEndpoint } from "./local-endpoint.ts";

/** Who wants which ports of the machine. */
interface PortsRequest {
  /** The endpoint that they are to lead to. */
  readonly id: string;
  readonly node: Name;
  readonly ports: readonly PublishedPort[];
}

/**
 * Whatever its runtime: a port of the machine leads to one port of one container. Looks at the others only when there is a port.
 *
 * @throws HoldfastError `invalid_argument` when the container itself wants it twice, `address_in_use` with the endpoint that has it.
 */
export function refuseTakenPorts(endpoints: Iterable<LocalEndpoint>, { id, node, ports }: PortsRequest): void {
  if (ports.length === 0) return;
  refuseTwoWays(ports);
  for (const other of endpoints) {
    if (other.id === id || !isOnWire(other.phase)) continue;
    const port = ports.find((each) => other.ports.some((taken) => isSamePort(each, taken)));
    if (port === undefined) continue;
    throw new HoldfastError(
      "address_in_use",
      `port ${port.hostPort}/${port.protocol} of this node (${node}) leads to ${callName(other)} of ${other.identity}; publish another one, or remove that first`,
      { details: { node, endpoint: other.id, identity: other.identity } },
    );
  }
}

/** The data path looks an address and a port up, and finds one place. */
function refuseTwoWays(ports: readonly PublishedPort[]): void {
  const leads = new Map<string, number>();
  for (const { protocol, hostPort, hostAddress, containerPort } of ports) {
    const key = `${protocol} ${hostPort} ${hostAddress}`;
    const first = leads.get(key) ?? containerPort;
    if (first !== containerPort) {
      throw new HoldfastError(
        "invalid_argument",
        `port ${hostPort}/${protocol} of the node is to lead to ports ${first} and ${containerPort} of the container; publish one of them on another port`,
      );
    }
    leads.set(key, containerPort);
  }
}

/** Whether both would take what comes for one port: on the same address, or one of them on all. */
function isSamePort(one: PublishedPort, other: LocalEndpoint["ports"][number]): boolean {
  if (one.protocol !== other.protocol || one.hostPort !== other.hostPort) return false;
  return one.hostAddress === undefined || other.hostAddress === undefined || one.hostAddress === other.hostAddress;
}
