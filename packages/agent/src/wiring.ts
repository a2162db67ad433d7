import type { AttachedPort, EndpointWiring } from "@holdfast/datapath";
import { type AttachedInterface, type EndpointQos, narrower, placementOf, type WiredNetwork } from "@holdfast/model";
import type { LocalEndpoint } from "./local-endpoint.ts";

/** What the data path has to know of an endpoint. */
export function wiringOf(endpoint: LocalEndpoint): EndpointWiring {
  const { id, networkId, addresses, mac, epoch, ports } = endpoint;
  const qos = qosOf(endpoint);
  return {
    id,
    network: networkId,
    addresses,
    mac,
    epoch,
    ports: ports.map(({ hostAddress, ...port }) => (hostAddress === undefined ? port : { ...port, hostAddress })),
    ...(qos === undefined ? {} : { qos }),
  };
}

/** Neither the controller nor the runtime can take away what the other has limited. */
export function qosOf({ qos, runtimeQos }: LocalEndpoint): EndpointQos | undefined {
  return qos === undefined || runtimeQos === undefined ? (qos ?? runtimeQos) : narrower(qos, runtimeQos);
}

/** What its runtime has to know of its interface. */
export function interfaceOf(endpoint: LocalEndpoint, port: AttachedPort, network: WiredNetwork): AttachedInterface {
  return {
    endpoint: endpoint.id,
    interfaceName: port.containerInterface,
    hostInterface: port.hostInterface,
    ...(port.inSandbox && { inSandbox: port.inSandbox }),
    ...(port.hostMac && { hostMac: port.hostMac }),
    mac: endpoint.mac,
    mtu: port.mtu,
    gateways: gatewaysFor(endpoint, network),
  };
}

/** The gateways for its addresses, each once. */
function gatewaysFor(endpoint: LocalEndpoint, network: WiredNetwork): AttachedInterface["gateways"] {
  return [...new Set(endpoint.addresses.flatMap((address) => placementOf(network, address).gateway ?? []))];
}
