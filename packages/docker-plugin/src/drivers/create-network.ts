import { Cidr, HoldfastError, parseInterfaceAddress } from "@holdfast/core";
import { type IpamData, parseRequest, requests } from "../protocol/requests.ts";
import type { DriverContext } from "./context.ts";
import { genericOptions } from "./generic-options.ts";
import { ADDRESS_SPACE } from "./ipam-driver.ts";
import { createCommand, formatNetworkKey, NETWORK_OPTION, type NetworkKey, parseNetworkKey } from "./network-key.ts";
import { formatPoolId } from "./pool-id.ts";
import type { NetworkRecord } from "./state.ts";

const INTERNAL_LABEL = "com.docker.network.internal";

/** Remembers which Holdfast network a docker network stands for. Docker says it once in the network's life. */
export async function createNetwork(body: unknown, context: DriverContext): Promise<object> {
  const { NetworkID, Options, IPv4Data, IPv6Data } = parseRequest(requests.createNetwork, body);
  const { records, inFlight } = context;
  const data = [...IPv4Data, ...IPv6Data];
  checkAddressSpace(data);
  if (Options[INTERNAL_LABEL] === true) {
    throw new HoldfastError(
      "invalid_argument",
      "--internal is not for Holdfast networks: use a subnet without a gateway",
    );
  }
  const pools = data.map(({ Pool }) => Cidr.parse(Pool));
  const known = records.networks().get(NetworkID);
  const key = known ?? (await findNetwork(pools, genericOptions(Options)[NETWORK_OPTION], context));
  checkOnlyOne(NetworkID, key, context);
  const record: NetworkRecord = { tenant: key.tenant, network: key.network, pools, auxiliary: auxiliaryOf(data) };
  await records.putNetwork(NetworkID, record);
  for (const prefix of pools) inFlight.endPool({ ...key, prefix });
  return {};
}

function checkAddressSpace(data: IpamData): void {
  const foreign = data.find(({ AddressSpace }) => AddressSpace !== ADDRESS_SPACE);
  if (foreign === undefined && data.length > 0) return;
  const text = `the driver holdfast needs the addresses of the IPAM driver holdfast. Type: ${createCommand()}`;
  throw new HoldfastError("invalid_argument", text, { details: { field: "ipam-driver" } });
}

/**
 * The Holdfast network of a docker network: CreateNetwork is not told the PoolID. It is named by `-o`, or it is the one whose pools were
 * requested just before.
 */
async function findNetwork(
  pools: readonly Cidr[],
  option: string | undefined,
  { inFlight, workloads }: DriverContext,
): Promise<NetworkKey> {
  if (option !== undefined) {
    const key = parseNetworkKey(option);
    const { subnets } = await workloads.network(key.tenant, key.network);
    const foreign = pools.find((prefix) => !subnets.some((subnet) => subnet.prefix === prefix));
    if (foreign === undefined) return key;
    throw new HoldfastError(
      "invalid_argument",
      `${foreign} is not a subnet of ${formatNetworkKey(key)}, which -o ${NETWORK_OPTION} names`,
    );
  }
  const requested = inFlight.pools();
  const ids = new Set(requested.map(formatPoolId));
  const candidates = new Map(requested.map((pool) => [formatNetworkKey(pool), pool]));
  const fitting = [...candidates.values()].filter((key) =>
    pools.every((prefix) => ids.has(formatPoolId({ ...key, prefix }))),
  );
  const [only, another] = fitting;
  if (only !== undefined && another === undefined) return { tenant: only.tenant, network: only.network };
  const why =
    only === undefined
      ? "the request for its addresses is not known any more"
      : "several networks with this subnet are being made";
  throw new HoldfastError("conflict", `${why}; try again, and add -o ${NETWORK_OPTION}=TENANT/NETWORK`);
}

function checkOnlyOne(networkId: string, key: NetworkKey, { records, lookAgain }: DriverContext): void {
  const other = records.networkIdOf(key);
  if (other === undefined || other === networkId) return;
  lookAgain();
  throw new HoldfastError(
    "already_exists",
    `docker network ${other.slice(0, 12)} stands for ${formatNetworkKey(key)} on this machine already; use it, or remove it and wait a moment`,
    { details: { networkId: other } },
  );
}

function auxiliaryOf(data: IpamData): NetworkRecord["auxiliary"] {
  return data.flatMap(({ AuxAddresses }) =>
    Object.values(AuxAddresses).map((text) => parseInterfaceAddress(text).address),
  );
}
