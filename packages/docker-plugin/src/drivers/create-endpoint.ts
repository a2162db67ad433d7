import { errorText, HoldfastError, Identity, type IpAddress, MacAddress } from "@holdfast/core";
import { type AttachRequest, defaultBurst, type EndpointQos, type PublishedPort, parseRate } from "@holdfast/model";
import { parseRequest, requests } from "../protocol/requests.ts";
import type { DriverContext } from "./context.ts";
import { chooseHostPorts } from "./host-ports.ts";
import type { NetworkKey } from "./network-key.ts";
import { PORT_MAP_LABEL, parsePortMap } from "./port-map.ts";
import type { EndpointRecord } from "./state.ts";

/** `docker run --network name=web,driver-opt=holdfast.identity=redis-0`: the claim must be of this identity. */
export const IDENTITY_OPTION = "holdfast.identity";

/** `driver-opt=holdfast.egress-rate=100Mbit`: limits for this container alone, beside those of its QoS profile. */
const RATE_OPTIONS = { egress: "holdfast.egress-rate", ingress: "holdfast.ingress-rate" } as const;

/** Wires an endpoint; answers with the MAC when Docker has none, and with nothing that Docker has. */
export async function createEndpoint(body: unknown, context: DriverContext, signal: AbortSignal): Promise<object> {
  const request = parseRequest(requests.createEndpoint, body);
  const { EndpointID, NetworkID, Interface, Options } = request;
  const { tenant, network } = context.records.network(NetworkID);
  const addresses = [Interface?.Address, Interface?.AddressIPv6].flatMap((entry) =>
    entry === undefined ? [] : [entry.address],
  );
  if (addresses.length === 0) {
    throw new HoldfastError(
      "invalid_argument",
      `endpoint ${EndpointID.slice(0, 12)} has no address; its IPAM driver must be holdfast`,
    );
  }
  const mac = Interface?.MacAddress ? MacAddress.parse(Interface.MacAddress) : undefined;
  const identity = identityOption(Options[IDENTITY_OPTION]);
  const [egress, ingress] = [limitOption(Options, "egress"), limitOption(Options, "ingress")];
  return await context.turns.take(EndpointID, async () => {
    checkMac({ tenant, network }, addresses, mac, context);
    const fresh = context.records.endpoint(EndpointID) === undefined;
    const { ports } = await publish(EndpointID, NetworkID, Options[PORT_MAP_LABEL], context);
    const attach: AttachRequest = {
      runtime: "docker",
      runtimeEndpoint: EndpointID,
      tenant,
      network,
      addresses,
      ports,
      ...(identity === undefined ? {} : { identity }),
      ...(mac === undefined ? {} : { mac }),
      ...(egress === undefined && ingress === undefined ? {} : { qos: { ...egress, ...ingress } }),
    };
    try {
      const attached = await context.workloads.attach(attach, signal);
      context.interfaces.set(EndpointID, attached);
      for (const address of addresses) context.inFlight.endEndpoint({ tenant, network }, address);
      return mac === undefined ? { Interface: { MacAddress: attached.mac } } : {};
    } catch (error) {
      if (fresh) await context.records.removeEndpoint(EndpointID);
      throw error;
    }
  });
}

function identityOption(value: unknown): Identity | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string") return Identity.parse(value);
  throw new HoldfastError("invalid_argument", `driver-opt ${IDENTITY_OPTION} is no text`, {
    details: { field: IDENTITY_OPTION },
  });
}

/** @throws HoldfastError `invalid_argument` with the option. */
function limitOption(
  options: Readonly<Record<string, unknown>>,
  direction: "egress" | "ingress",
): Pick<EndpointQos, typeof direction> | undefined {
  const name = RATE_OPTIONS[direction];
  const value = options[name];
  if (value === undefined) return undefined;
  try {
    const rate = parseRate(typeof value === "string" ? value : JSON.stringify(value));
    return { [direction]: { rate, burst: defaultBurst(rate) } };
  } catch (cause) {
    const text = `driver-opt ${name}: ${errorText(cause)}`;
    throw new HoldfastError("invalid_argument", text, { cause, details: { field: name } });
  }
}

/** `--mac-address` may repeat the claim's MAC, nothing else: neighbours know the address by it. */
function checkMac(
  key: NetworkKey,
  addresses: readonly IpAddress[],
  asked: MacAddress | undefined,
  { inFlight, workloads }: DriverContext,
): void {
  if (asked === undefined) return;
  const [first] = addresses;
  if (first === undefined) return;
  const begun = inFlight.endpoint(key);
  const mac = begun?.addresses.includes(first)
    ? begun.mac
    : workloads
        .attachments("docker")
        .find(
          ({ tenant, network, addresses: own }) =>
            tenant === key.tenant && network === key.network && own.includes(first),
        )?.mac;
  // Unknown here: the agent knows, and refuses.
  if (mac === undefined || mac === asked) return;
  throw new HoldfastError(
    "conflict",
    `the MAC of ${first} is ${mac}, not ${asked}; leave out --mac-address, or give that one`,
    {
      details: { field: "mac", mac },
    },
  );
}

/** Chooses the host ports of an endpoint, once: when Docker repeats the call, they are the same. */
async function publish(
  endpointId: string,
  networkId: string,
  portMap: unknown,
  { records, turns, portProbe, random, workloads }: DriverContext,
): Promise<EndpointRecord> {
  const known = records.endpoint(endpointId);
  if (known !== undefined) return known;
  const requested = parsePortMap(portMap);
  return await turns.take("host ports", async () => {
    const held = [...records.endpoints()].flatMap(([endpoint, { ports }]) => {
      if (ports.length === 0 || workloads.inspect(endpoint) === undefined) return [];
      return ports.map((port: PublishedPort) => ({ ...port, endpoint }));
    });
    const { ports, contested } = await chooseHostPorts(requested, { held, isUsed: portProbe, random });
    const record: EndpointRecord = { network: networkId, ports: [...ports], contested: [...contested] };
    if (requested.length > 0) await records.putEndpoint(endpointId, record);
    return record;
  });
}
