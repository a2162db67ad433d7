import type { AttachedPort, EndpointWiring } from "@holdfast/datapath";
import { type AttachedInterface, placementOf, type WiredNetwork } from "@holdfast/model";
import type { LocalEndpoint } from "./local-endpoint.ts";

/** What the data path has to know of an endpoint. */
export function wiringOf(endpoint: LocalEndpoint): EndpointWiring {
  const { id, networkId, addresses, mac, epoch, ports } = endpoint;
  return {
    id,
    network: networkId,
    addresses,
    mac,
    epoch,
    ports: ports.map(({ hostAddress, ...port }) => (hostAddress === undefined ? port : { ...port, hostAddress })),
  };
}

/** What its runtime has to know of its interface. */
export function interfaceOf(endpoint: LocalEndpoint, port: AttachedPort, network: WiredNetwork): AttachedInterface {
  return {
    endpoint: endpoint.id,
    interfaceName: port.containerInterface,
    hostInterface: port.hostInterface,
    mac: endpoint.mac,
    mtu: port.mtu,
    gateways: gatewaysFor(endpoint, network),
  };
}

/** The gateways for its addresses, each once. */
function gatewaysFor(endpoint: LocalEndpoint, network: WiredNetwork): AttachedInterface["gateways"] {
  return [...new Set(endpoint.addresses.flatMap((address) => placementOf(network, address).gateway ?? []))];
}
