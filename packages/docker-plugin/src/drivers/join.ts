import { Cidr, HoldfastError, IpAddress } from "@holdfast/core";
import { type AttachedInterface, ROUTED_GATEWAYS } from "@holdfast/model";
import { parseRequest, requests } from "../protocol/requests.ts";
import type { DriverContext } from "./context.ts";
import { formatNetworkKey } from "./network-key.ts";
import { portName } from "./records.ts";

/** Says which interface Docker is to move into the sandbox, and the gateways. */
export async function join(body: unknown, context: DriverContext, signal: AbortSignal): Promise<object> {
  const { EndpointID, NetworkID, SandboxKey } = parseRequest(requests.join, body);
  return await context.turns.take(EndpointID, async () => {
    const attached = context.interfaces.get(EndpointID) ?? (await attachAgain(EndpointID, context, signal));
    checkContested(EndpointID, SandboxKey, context);
    if (attached.gateways.some(isOnNoPrefix)) await refuseSecondRouted({ EndpointID, SandboxKey }, context);
    await context.workloads.joined({ runtimeEndpoint: EndpointID, sandbox: SandboxKey }, signal);
    const record = context.records.endpoint(EndpointID) ?? { network: NetworkID, ports: [], contested: [] };
    if (record.sandbox !== SandboxKey)
      await context.records.putEndpoint(EndpointID, { ...record, sandbox: SandboxKey });
    // Docker asks once as a rule; whoever asks again is answered by the agent.
    context.interfaces.delete(EndpointID);
    return joinReply(attached);
  });
}

function joinReply({ interfaceName, gateways }: AttachedInterface): object {
  const gatewayOf = (family: "v4" | "v6"): string =>
    gateways.find((gateway) => IpAddress.family(gateway) === family) ?? "";
  return {
    InterfaceName: { SrcName: interfaceName, DstPrefix: "eth" },
    Gateway: gatewayOf("v4"),
    GatewayIPv6: gatewayOf("v6"),
    StaticRoutes: gateways.filter(isOnNoPrefix).map(connectedRoute),
    // Without it, Docker adds an interface on docker_gwbridge when there is no gateway.
    DisableGatewayService: true,
  };
}

/** Of a routed network: the gateway is in no prefix on the link. */
function isOnNoPrefix(gateway: IpAddress): boolean {
  return gateway === ROUTED_GATEWAYS.v4 || gateway === ROUTED_GATEWAYS.v6;
}

/** Docker sets these before the default routes, which it takes only to a gateway that it has a route to (libnetwork, `types.CONNECTED`). */
function connectedRoute(gateway: IpAddress): object {
  return { Destination: Cidr.host(gateway), RouteType: 1, NextHop: "" };
}

/**
 * A sandbox has one route to the gateway that all routed networks have, so what came for a second one would be answered through the first, as if
 * from somebody else.
 *
 * @throws HoldfastError `conflict`, naming the other network.
 */
async function refuseSecondRouted(
  { EndpointID, SandboxKey }: { readonly EndpointID: string; readonly SandboxKey: string },
  { records, workloads }: DriverContext,
): Promise<void> {
  for (const [id, { network, sandbox }] of records.endpoints()) {
    const key = id === EndpointID || sandbox !== SandboxKey ? undefined : records.networks().get(network);
    if (key === undefined || workloads.inspect(id) === undefined) continue;
    if ((await workloads.network(key.tenant, key.network)).kind !== "routed") continue;
    const text = `the container is in the routed network ${formatNetworkKey(key)} already, and can be in one only; disconnect it there first`;
    throw new HoldfastError("conflict", text);
  }
}

/**
 * The agent gives the same answer for the same key: what this process forgot in a restart comes from there. An endpoint that has left its sandbox is
 * off the wire, and is wired anew; one that was deleted has no record here.
 */
async function attachAgain(
  endpointId: string,
  { workloads, records }: DriverContext,
  signal: AbortSignal,
): Promise<AttachedInterface> {
  const info = workloads.inspect(endpointId);
  if (info === undefined) {
    throw new HoldfastError("not_found", `endpoint ${endpointId.slice(0, 12)} is not known; start the container again`);
  }
  const { tenant, network, identity, addresses } = info;
  const record = records.endpoint(endpointId);
  const again = { ports: record?.ports ?? [], rejoin: record !== undefined };
  const attachment = { tenant, network, identity, addresses, ...again };
  return await workloads.attach({ runtime: "docker", runtimeEndpoint: endpointId, ...attachment }, signal);
}

/** A container's second network asks for the container's ports again; another container's may not have them. */
function checkContested(endpointId: string, sandbox: string, { records }: DriverContext): void {
  for (const holder of records.endpoint(endpointId)?.contested ?? []) {
    const other = records.endpoint(holder);
    if (other === undefined || other.sandbox === sandbox) continue;
    const ports = other.ports.map(portName).join(", ");
    const text = `host ports are published by endpoint ${holder.slice(0, 12)} already (${ports}); publish others`;
    throw new HoldfastError("address_in_use", text, { details: { field: "hostPort", endpoint: holder } });
  }
}
