import { randomBytes } from "node:crypto";
import type { Dialect, DockerCaller } from "./docker-caller.ts";

/** What a docker network is made with. */
export interface NetworkPlan {
  /** `--ipam-opt`. */
  readonly ipamOptions: Readonly<Record<string, string>>;
  /** `-o`. */
  readonly driverOptions?: Readonly<Record<string, string>>;
  /** `--subnet`. */
  readonly pool: string;
  /** `--subnet` of IPv6. */
  readonly pool6?: string;
  /** `--gateway`; absent: the plugin names one. */
  readonly gateway?: string;
  /** `--aux-address name=address`. */
  readonly auxiliary?: Readonly<Record<string, string>>;
}

interface PlayedPool {
  readonly id: string;
  readonly space: string;
  readonly pool: string;
  readonly gateway: string;
  readonly auxiliary: Readonly<Record<string, string>>;
}

/** A docker network as dockerd stores it. */
export interface PlayedNetwork {
  readonly id: string;
  readonly v4: PlayedPool;
  readonly v6: PlayedPool | undefined;
}

/** An endpoint as dockerd stores it. */
export interface PlayedEndpoint {
  readonly id: string;
  readonly network: PlayedNetwork;
  /** `"10.20.0.7/16"`. */
  readonly address: string;
  readonly address6: string | undefined;
  readonly mac: string;
  readonly join: Record<string, unknown>;
}

/** What a container is run with. */
export interface RunPlan {
  /** `--name`. */
  readonly name?: string;
  /** `--ip`. */
  readonly ip?: string;
  readonly ip6?: string;
  readonly mac?: string;
  /** Driver options and labels, as they stand in CreateEndpoint. */
  readonly options?: Readonly<Record<string, unknown>>;
}

export function dockerId(): string {
  return randomBytes(32).toString("hex");
}

/** The part of libnetwork that calls plugins: the same calls, in the same order, with the same roll-back (network.go, endpoint.go). */
export class PlayedDaemon {
  readonly caller: DockerCaller;
  readonly #dialect: Dialect;

  constructor(caller: DockerCaller, dialect: Dialect) {
    this.caller = caller;
    this.#dialect = dialect;
  }

  async activate(): Promise<void> {
    await this.caller.expect("Plugin.Activate");
    await this.caller.expect("NetworkDriver.GetCapabilities");
    await this.caller.expect("IpamDriver.GetCapabilities");
  }

  /** `docker network create`. Rolls back as Docker does when CreateNetwork is refused. */
  async createNetwork(plan: NetworkPlan): Promise<PlayedNetwork> {
    const id = dockerId();
    const v4 = await this.#requestPool(plan, plan.pool, false);
    const v6 = plan.pool6 === undefined ? undefined : await this.#requestPool(plan, plan.pool6, true);
    const network = { id, v4, v6 };
    try {
      await this.caller.expect("NetworkDriver.CreateNetwork", this.createNetworkBody(network, plan));
    } catch (error) {
      await this.#releasePools(network);
      throw error;
    }
    return network;
  }

  createNetworkBody({ id, v4, v6 }: PlayedNetwork, { driverOptions = {} }: NetworkPlan): object {
    const data = ({ space, pool, gateway, auxiliary }: PlayedPool): object => ({
      AddressSpace: space,
      Pool: pool,
      Gateway: gateway,
      ...(Object.keys(auxiliary).length === 0 ? {} : { AuxAddresses: auxiliary }),
    });
    return {
      NetworkID: id,
      Options: {
        "com.docker.network.enable_ipv6": v6 !== undefined,
        "com.docker.network.generic": driverOptions,
      },
      IPv4Data: [data(v4)],
      IPv6Data: v6 === undefined ? [] : [data(v6)],
    };
  }

  /** `docker network rm`. */
  async deleteNetwork(network: PlayedNetwork): Promise<void> {
    await this.#releasePools(network);
    await this.caller.expect("NetworkDriver.DeleteNetwork", { NetworkID: network.id });
  }

  /** RequestAddress as for an endpoint; gives the address with its length. */
  async requestAddress(pool: PlayedPool, address = "", name?: string): Promise<string> {
    const named = this.#dialect.endpointName && name !== undefined;
    const reply = await this.caller.expect("IpamDriver.RequestAddress", {
      PoolID: pool.id,
      Address: address,
      Options: named ? { "com.docker.network.endpoint.name": name } : null,
    });
    if (typeof reply.Address !== "string" || reply.Address === "") throw new Error("no address returned");
    return reply.Address;
  }

  /** `docker run`: addresses, CreateEndpoint, Join. Rolls back as Docker does. */
  async run(network: PlayedNetwork, plan: RunPlan = {}): Promise<PlayedEndpoint> {
    const id = dockerId();
    const address = await this.requestAddress(network.v4, plan.ip, plan.name);
    // Docker gives no address back when the second request fails: its roll-back is set up after both.
    const address6 = network.v6 === undefined ? undefined : await this.requestAddress(network.v6, plan.ip6, plan.name);
    const body = this.createEndpointBody(network, id, { address, address6 }, plan);
    try {
      const created = await this.caller.expect("NetworkDriver.CreateEndpoint", body);
      const mac = plan.mac ?? macOf(created);
      const join = await this.caller.expect("NetworkDriver.Join", this.joinBody(network, id));
      return { id, network, address, address6, mac, join };
    } catch (error) {
      await this.#release(network, address, address6);
      throw error;
    }
  }

  createEndpointBody(
    network: PlayedNetwork,
    id: string,
    { address, address6 }: { address: string; address6?: string | undefined },
    { mac, options = {} }: RunPlan = {},
  ): object {
    return {
      NetworkID: network.id,
      EndpointID: id,
      Interface: { Address: address, AddressIPv6: address6 ?? "", MacAddress: mac ?? "" },
      Options: {
        "com.docker.network.endpoint.exposedports": [],
        "com.docker.network.portmap": [],
        ...options,
      },
    };
  }

  joinBody(network: PlayedNetwork, id: string, sandbox = id): object {
    const SandboxKey = `/var/run/docker/netns/${sandbox.slice(0, 12)}`;
    return { NetworkID: network.id, EndpointID: id, SandboxKey, Options: {} };
  }

  /** `docker rm -f`. */
  async remove({ id, network, address, address6 }: PlayedEndpoint): Promise<void> {
    const ids = { NetworkID: network.id, EndpointID: id };
    await this.caller.expect("NetworkDriver.RevokeExternalConnectivity", ids);
    await this.caller.expect("NetworkDriver.Leave", ids);
    await this.caller.expect("NetworkDriver.DeleteEndpoint", ids);
    await this.#release(network, address, address6);
  }

  async #release(network: PlayedNetwork, address: string, address6: string | undefined): Promise<void> {
    await this.releaseAddress(network.v4, address);
    if (network.v6 !== undefined && address6 !== undefined) await this.releaseAddress(network.v6, address6);
  }

  async releaseAddress(pool: PlayedPool, address: string): Promise<void> {
    await this.caller.expect("IpamDriver.ReleaseAddress", { PoolID: pool.id, Address: address.split("/")[0] });
  }

  /** What dockerd asks for when it wants the plan's IPv4 pool. */
  requestPoolBody({ pool, ipamOptions }: NetworkPlan, space: string): object {
    return { AddressSpace: space, Pool: pool, SubPool: "", Options: ipamOptions, V6: false };
  }

  async #requestPool(plan: NetworkPlan, pool: string, v6: boolean): Promise<PlayedPool> {
    const { auxiliary = {}, gateway: wanted = "" } = plan;
    const spaces = await this.caller.expect("IpamDriver.GetDefaultAddressSpaces");
    const space = String(spaces.LocalDefaultAddressSpace);
    const body = { ...this.requestPoolBody({ ...plan, pool }, space), V6: v6 };
    const reply = await this.caller.expect("IpamDriver.RequestPool", body);
    const id = String(reply.PoolID);
    const data = (reply.Data ?? {}) as Record<string, string>;
    const gateway = data["com.docker.network.gateway"] ?? (await this.#requestGateway(id, v6 ? "" : wanted));
    const reserved: Record<string, string> = {};
    for (const [name, address] of Object.entries(v6 ? {} : auxiliary)) {
      const aux = await this.caller.expect("IpamDriver.RequestAddress", {
        PoolID: id,
        Address: address,
        Options: null,
      });
      reserved[name] = String(aux.Address);
    }
    return { id, space, pool: String(reply.Pool), gateway, auxiliary: reserved };
  }

  async #requestGateway(poolId: string, Address: string): Promise<string> {
    const Options = { RequestAddressType: "com.docker.network.gateway" };
    const reply = await this.caller.expect("IpamDriver.RequestAddress", { PoolID: poolId, Address, Options });
    return String(reply.Address);
  }

  async #releasePools({ v4, v6 }: PlayedNetwork): Promise<void> {
    for (const pool of [v4, v6]) {
      if (pool === undefined) continue;
      await this.releaseAddress(pool, pool.gateway);
      for (const address of Object.values(pool.auxiliary)) await this.releaseAddress(pool, address);
      await this.caller.expect("IpamDriver.ReleasePool", { PoolID: pool.id });
    }
  }
}

/** The MAC of a CreateEndpoint reply; throws when the driver has set what Docker had set, or no MAC. */
function macOf(created: Record<string, unknown>): string {
  const fields = (created.Interface ?? {}) as Record<string, string>;
  const wrong = Object.entries(fields).filter(([name, value]) => name !== "MacAddress" && value !== "");
  if (wrong.length > 0) throw new Error(`driver modified interface address: ${JSON.stringify(wrong)}`);
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(fields.MacAddress ?? "")) throw new Error("no MAC address");
  return fields.MacAddress ?? "";
}
