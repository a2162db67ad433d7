import { errorText } from "@holdfast/core";
import type { AttachmentInfo } from "@holdfast/model";
import { parseRequest, requests } from "../protocol/requests.ts";
import type { Method } from "../protocol/server.ts";
import type { DriverContext } from "./context.ts";
import { createEndpoint } from "./create-endpoint.ts";
import { createNetwork } from "./create-network.ts";
import { genericOptions } from "./generic-options.ts";
import { join } from "./join.ts";
import { NETWORK_OPTION, parseNetworkKey } from "./network-key.ts";

/** The methods of Docker's network driver protocol. */
export function networkMethods(context: DriverContext): Readonly<Record<string, Method>> {
  const { workloads, records, turns, interfaces, logger } = context;

  async function deleteEndpoint(body: unknown, signal: AbortSignal): Promise<object> {
    const { EndpointID } = parseRequest(requests.endpoint, body);
    return await turns.take(EndpointID, async () => {
      await workloads.detach({ runtimeEndpoint: EndpointID }, signal);
      interfaces.delete(EndpointID);
      await records.removeEndpoint(EndpointID);
      return {};
    });
  }

  /**
   * Docker takes the interface out of the sandbox next, which takes the kernel some 25 ms: long enough to take the endpoint off the wire, so that
   * another machine can have its address sooner. DeleteEndpoint, which follows as a rule, waits for it, and takes over when it has failed.
   */
  async function leave(body: unknown, signal: AbortSignal): Promise<object> {
    const { EndpointID } = parseRequest(requests.endpoint, body);
    const record = records.endpoint(EndpointID);
    if (record?.sandbox === undefined) return {};
    const { sandbox: _, sandboxSeen: __, ...rest } = record;
    await records.putEndpoint(EndpointID, rest);
    void turns
      .take(EndpointID, () => workloads.detach({ runtimeEndpoint: EndpointID }, signal))
      .catch((error: unknown) => {
        logger.debug("not detached yet", { endpoint: EndpointID, error: errorText(error) });
      });
    return {};
  }

  /** Called for every `docker inspect`: answered from memory. None of the labels that Docker itself reads. */
  async function operInfo(body: unknown): Promise<object> {
    const { EndpointID } = parseRequest(requests.endpoint, body);
    const info = workloads.inspect(EndpointID);
    return { Value: info === undefined ? {} : describe(info) };
  }

  async function deleteNetwork(body: unknown): Promise<object> {
    await records.removeNetwork(parseRequest(requests.deleteNetwork, body).NetworkID);
    return {};
  }

  async function gatewayCheck(body: unknown): Promise<object> {
    const { Options } = parseRequest(requests.gwAllocCheck, body);
    const option = genericOptions(Options)[NETWORK_OPTION];
    if (option === undefined) return { SkipIPv4: false, SkipIPv6: false };
    const key = parseNetworkKey(option);
    const { subnets } = await workloads.network(key.tenant, key.network);
    const hasGateway = (v6: boolean): boolean =>
      subnets.some(({ prefix, gateway }) => prefix.includes(":") === v6 && gateway !== undefined);
    return { SkipIPv4: !hasGateway(false), SkipIPv6: !hasGateway(true) };
  }

  const withBody = (handle: Method["handle"]): Method => ({ emptyBody: false, handle });
  /** Understood, and nothing to do. */
  const nothing = (schema: Parameters<typeof parseRequest>[0]): Method =>
    withBody(async (body) => {
      parseRequest(schema, body);
      return {};
    });

  return {
    GetCapabilities: {
      emptyBody: true,
      handle: async () => ({ Scope: "local", ConnectivityScope: "global", GwAllocChecker: true }),
    },
    AllocateNetwork: withBody(async (body) => ({ Options: parseRequest(requests.allocateNetwork, body).Options })),
    FreeNetwork: nothing(requests.freeNetwork),
    GwAllocCheck: withBody(gatewayCheck),
    CreateNetwork: withBody((body) => createNetwork(body, context)),
    DeleteNetwork: withBody(deleteNetwork),
    CreateEndpoint: withBody((body, signal) => createEndpoint(body, context, signal)),
    EndpointOperInfo: withBody(operInfo),
    DeleteEndpoint: withBody(deleteEndpoint),
    Join: withBody((body, signal) => join(body, context, signal)),
    Leave: withBody(leave),
    ProgramExternalConnectivity: nothing(requests.endpoint),
    RevokeExternalConnectivity: nothing(requests.endpoint),
    DiscoverNew: nothing(requests.discovery),
    DiscoverDelete: nothing(requests.discovery),
  };
}

function describe({ endpoint, identity, phase, tenant, network }: AttachmentInfo): object {
  return {
    "holdfast.endpoint": endpoint,
    "holdfast.identity": identity,
    "holdfast.network": `${tenant}/${network}`,
    "holdfast.phase": phase,
  };
}
