import { Cidr, HoldfastError, Identity, type IpAddress, isHoldfastError } from "@holdfast/core";
import { placementOf, type ReservedAddresses, type ReserveRequest, type WiredNetwork } from "@holdfast/model";
import { parseRequest, requests } from "../protocol/requests.ts";
import type { Method } from "../protocol/server.ts";
import type { DriverContext } from "./context.ts";
import { reclaimDeadHolder } from "./dead-holder.ts";
import { createCommand, formatNetworkKey, NETWORK_OPTION, parseNetworkKey } from "./network-key.ts";
import { formatPoolId, type Pool, parsePoolId } from "./pool-id.ts";

/** The address space of every pool of ours: by it CreateNetwork knows that the addresses are ours. */
export const ADDRESS_SPACE = "holdfast";

const GATEWAY_LABEL = "com.docker.network.gateway";
/** Docker 29 and later: the container's name. */
const ENDPOINT_NAME_LABEL = "com.docker.network.endpoint.name";

/** The methods of Docker's IPAM driver protocol. */
export function ipamMethods(context: DriverContext): Readonly<Record<string, Method>> {
  const { workloads, records, inFlight } = context;

  async function requestPool(body: unknown): Promise<object> {
    const request = parseRequest(requests.requestPool, body);
    const { network, subnet } = await findPool(request, context);
    const pool = { tenant: network.tenant, network: network.name, prefix: subnet.prefix };
    inFlight.addPool(pool);
    const gateway = subnet.gateway === undefined ? {} : { [GATEWAY_LABEL]: withLength(subnet.gateway, subnet.prefix) };
    return { PoolID: formatPoolId(pool), Pool: subnet.prefix, Data: gateway };
  }

  async function releasePool(body: unknown): Promise<object> {
    const pool = parsePoolId(parseRequest(requests.releasePool, body).PoolID);
    // A pool that a docker network uses is released when that network is deleted: DeleteNetwork follows, or is lost.
    if (!inFlight.endPool(pool)) context.lookAgain();
    return {};
  }

  async function requestAddress(body: unknown, signal: AbortSignal): Promise<object> {
    const { PoolID, Address, Options } = parseRequest(requests.requestAddress, body);
    const pool = parsePoolId(PoolID);
    if (Options.RequestAddressType === GATEWAY_LABEL) {
      const network = await workloads.network(pool.tenant, pool.network);
      return { Address: withLength(gatewayOf(pool, network, Address), pool.prefix), Data: {} };
    }
    if (Address !== undefined && !Cidr.contains(pool.prefix, Address)) {
      throw new HoldfastError("address_out_of_range", `${Address} is not in ${pool.prefix}`, {
        details: { field: "Address" },
      });
    }
    if (Address !== undefined && isAuxiliary(pool, Address))
      return { Address: withLength(Address, pool.prefix), Data: {} };
    const address = await endpointAddress(pool, Address, Options[ENDPOINT_NAME_LABEL], signal);
    return { Address: address, Data: {} };
  }

  /**
   * Docker asks for an --aux-address in the same words as for an endpoint's. Before CreateNetwork there are no endpoints.
   *
   * @throws HoldfastError `address_in_use`: an endpoint asks for an auxiliary address.
   */
  function isAuxiliary(pool: Pool, address: IpAddress): boolean {
    const networkId = records.networkIdOf(pool);
    if (networkId === undefined) return true;
    if (!records.network(networkId).auxiliary.includes(address)) return false;
    // A second docker network is being made; CreateNetwork says why not.
    if (inFlight.hasPool(pool)) return true;
    throw new HoldfastError(
      "address_in_use",
      `${address} is an --aux-address of the docker network; choose another address`,
    );
  }

  /** An address for an endpoint to come, with the length of its own subnet: that may be another than the pool's. */
  async function endpointAddress(
    pool: Pool,
    address: IpAddress | undefined,
    name: string | undefined,
    signal: AbortSignal,
  ): Promise<string> {
    const family = Cidr.family(pool.prefix);
    const first = family === "v6" ? endpointBegun(pool, context) : undefined;
    if (first !== undefined) {
      const second = secondAddress(pool, first, address);
      const network = await workloads.network(pool.tenant, pool.network);
      return withOwnLength(second, network);
    }
    const reserved = await reserve(reserveRequest(pool, address, name), signal);
    inFlight.setEndpoint(pool, { addresses: reserved.addresses, mac: reserved.mac });
    const found = reserved.addresses.find((candidate) => Cidr.family(pool.prefix) === familyOf(candidate));
    if (found !== undefined && (address === undefined || address === found)) {
      return withOwnLength(found, reserved.network);
    }
    if (found !== undefined && address !== undefined) {
      await workloads.unreserve({ tenant: pool.tenant, network: pool.network, address }, signal);
      throw notTheFirst(reserved.identity, address, found);
    }
    throw new HoldfastError(
      "not_found",
      `${reserved.identity} has no IP${family} address; claim one in ${pool.prefix}`,
    );
  }

  async function reserve(request: ReserveRequest, signal: AbortSignal): Promise<ReservedAddresses> {
    try {
      return await workloads.reserve(request, signal);
    } catch (error) {
      if (!(await reclaimDeadHolder(request, error, context, signal))) throw error;
      return await workloads.reserve(request, signal);
    }
  }

  async function releaseAddress(body: unknown, signal: AbortSignal): Promise<object> {
    const { PoolID, Address } = parseRequest(requests.releaseAddress, body);
    const pool = parsePoolId(PoolID);
    if (Address === undefined) return {};
    inFlight.endEndpoint(pool, Address);
    if (await isNotAnEndpoints(pool, Address, context)) return {};
    try {
      await workloads.unreserve({ tenant: pool.tenant, network: pool.network, address: Address }, signal);
    } catch (error) {
      if (!isHoldfastError(error, "not_found")) throw error;
    }
    return {};
  }

  return {
    GetCapabilities: {
      emptyBody: true,
      // The address book outlives dockerd: nothing has to be told again. When Docker does all the same, it is a success.
      handle: async () => ({ RequiresMACAddress: false, RequiresRequestReplay: false }),
    },
    GetDefaultAddressSpaces: {
      emptyBody: true,
      handle: async () => ({ LocalDefaultAddressSpace: ADDRESS_SPACE, GlobalDefaultAddressSpace: ADDRESS_SPACE }),
    },
    RequestPool: { emptyBody: false, handle: requestPool },
    ReleasePool: { emptyBody: false, handle: releasePool },
    RequestAddress: { emptyBody: false, handle: requestAddress },
    ReleaseAddress: { emptyBody: false, handle: releaseAddress },
  };
}

/** The network and subnet that a RequestPool means. */
async function findPool(
  { AddressSpace, Pool, SubPool, Options, V6 }: ReturnType<typeof requests.requestPool.parse>,
  { workloads }: DriverContext,
): Promise<{ network: WiredNetwork; subnet: WiredNetwork["subnets"][number] }> {
  if (AddressSpace !== "" && AddressSpace !== ADDRESS_SPACE) {
    throw new HoldfastError("invalid_argument", `the address space is ${ADDRESS_SPACE}, not ${AddressSpace}`);
  }
  const option = Options[NETWORK_OPTION];
  if (option === undefined) {
    const text = `--ipam-opt ${NETWORK_OPTION} is missing: it names the Holdfast network. Type: ${createCommand()}`;
    throw new HoldfastError("invalid_argument", text, { details: { field: NETWORK_OPTION } });
  }
  const key = parseNetworkKey(option);
  const network = await workloads.network(key.tenant, key.network);
  const label = formatNetworkKey(key);
  const ofFamily = network.subnets.filter(({ prefix }) => Cidr.family(prefix) === (V6 ? "v6" : "v4"));
  if (ofFamily.length === 0) {
    const text = V6 ? "IPv6 subnet; leave out --ipv6" : "IPv4 subnet; Docker before version 28 cannot do without one";
    throw new HoldfastError("invalid_argument", `network ${label} has no ${text}`, { details: { field: "V6" } });
  }
  // Docker gives a container the address it asks for (--ip) only on a network whose subnet was typed.
  if (Pool === "") {
    throw new HoldfastError("invalid_argument", `--subnet is missing. Type: ${createCommand(network)}`, {
      details: { field: "Pool" },
    });
  }
  if (SubPool !== "") {
    const text = `--ip-range is not for Holdfast networks: the ranges of ${label} are those of its subnets; leave it out`;
    throw new HoldfastError("invalid_argument", text, { details: { field: "SubPool" } });
  }
  const prefix = Cidr.parse(Pool);
  const subnet = ofFamily.find((candidate) => candidate.prefix === prefix);
  if (subnet !== undefined) return { network, subnet };
  const subnets = network.subnets.map((candidate) => candidate.prefix).join(", ");
  throw new HoldfastError("invalid_argument", `${prefix} is not a subnet of network ${label}; it has ${subnets}`, {
    details: { field: "Pool" },
  });
}

/**
 * The gateway of a pool. Docker before version 28 wants one in any case: without one it gets the prefix's own first address, which nobody
 * has and no container is told.
 */
function gatewayOf(pool: Pool, network: WiredNetwork, asked: IpAddress | undefined): IpAddress {
  const gateway = network.subnets.find(({ prefix }) => prefix === pool.prefix)?.gateway;
  if (asked === undefined || asked === gateway) return gateway ?? Cidr.first(pool.prefix);
  const has = gateway === undefined ? "has no gateway" : `has the gateway ${gateway}`;
  throw new HoldfastError(
    "invalid_argument",
    `subnet ${pool.prefix} of ${formatNetworkKey(pool)} ${has}, not ${asked}; leave out --gateway`,
    {
      details: { field: "gateway" },
    },
  );
}

/**
 * Requesters tell apart who may get an unattached reservation again: whoever asks for any address must not get the one that somebody asked
 * for by address or by name.
 */
function reserveRequest(pool: Pool, address: IpAddress | undefined, name: string | undefined): ReserveRequest {
  // An address that was typed decides by itself whose it is.
  const identity = name === undefined || address !== undefined ? undefined : tryIdentity(name);
  const own = address ?? identity;
  return {
    tenant: pool.tenant,
    network: pool.network,
    runtime: "docker",
    requester: own === undefined ? formatPoolId(pool) : `${formatPoolId(pool)}#${own}`,
    ...(address === undefined ? {} : { address }),
    ...(identity === undefined ? {} : { identity, identityIsHint: true }),
    ...(name === undefined ? {} : { container: name }),
  };
}

/** Docker's names may end in a hyphen or dot; such a one is nobody's identity. */
function tryIdentity(name: string): Identity | undefined {
  try {
    return Identity.parse(name);
  } catch {
    return undefined;
  }
}

/** The endpoint whose IPv4 address Docker has asked for just before; from the agent's own list when this process is younger. */
function endpointBegun(pool: Pool, { inFlight, records, workloads }: DriverContext): readonly IpAddress[] | undefined {
  const networkId = records.networkIdOf(pool);
  const hasV4 =
    networkId !== undefined && records.network(networkId).pools.some((prefix) => Cidr.family(prefix) === "v4");
  if (!hasV4) return undefined;
  const known = inFlight.endpoint(pool)?.addresses;
  if (known !== undefined) return known;
  const reserved = workloads
    .attachments("docker")
    .filter(({ tenant, network, phase }) => tenant === pool.tenant && network === pool.network && phase === "reserved");
  return reserved.toSorted((a, b) => b.since - a.since)[0]?.addresses;
}

function secondAddress(pool: Pool, addresses: readonly IpAddress[], asked: IpAddress | undefined): IpAddress {
  const found = addresses.find((address) => familyOf(address) === "v6");
  const [first = "its IPv4 address"] = addresses;
  if (found === undefined) {
    const text = `the claim of ${first} has no IPv6 address, and the docker network for ${formatNetworkKey(pool)} has IPv6; claim both`;
    throw new HoldfastError("not_found", text);
  }
  if (asked === undefined || asked === found) return found;
  if (addresses.includes(asked)) throw notTheFirst(`the claim of ${first}`, asked, found);
  throw new HoldfastError(
    "conflict",
    `${asked} does not belong to ${first}, whose IPv6 address is ${found}; give both addresses of one claim`,
  );
}

/** Docker gives a container one address of a family; published ports and the MAC go by the claim's first. */
function notTheFirst(owner: string, asked: IpAddress, first: IpAddress): HoldfastError {
  const text = `${owner} has ${first} as its first IP${familyOf(first)} address, which is the one that Docker can give; ask for that, not ${asked}`;
  return new HoldfastError("conflict", text, { details: { address: first } });
}

/** Whether an address that Docker gives back is none of an endpoint: a gateway, or one that is set aside. */
async function isNotAnEndpoints(
  pool: Pool,
  address: IpAddress,
  { workloads, records }: DriverContext,
): Promise<boolean> {
  if (address === Cidr.first(pool.prefix)) return true;
  const networkId = records.networkIdOf(pool);
  if (networkId !== undefined && records.network(networkId).auxiliary.includes(address)) return true;
  try {
    const { subnets } = await workloads.network(pool.tenant, pool.network);
    return subnets.some(({ gateway }) => gateway === address);
  } catch (error) {
    if (isHoldfastError(error, "not_found")) return false;
    throw error;
  }
}

function familyOf(address: IpAddress): "v4" | "v6" {
  return address.includes(":") ? "v6" : "v4";
}

function withLength(address: IpAddress, prefix: Cidr): string {
  return `${address}/${Cidr.length(prefix)}`;
}

function withOwnLength(address: IpAddress, network: WiredNetwork): string {
  return `${address}/${placementOf(network, address).length}`;
}
