import { type Clock, HoldfastError, type Logger, type Reached } from "@holdfast/core";
import type { RemoteBlock, RemoteEndpoint, WiredNetwork } from "@holdfast/model";
import type { Kernel, Netfilter, TrafficControl } from "@holdfast/netlink";
import type {
  AddressConflict,
  AddressQuestion,
  AttachedPort,
  DatapathDriver,
  EndpointWiring,
  OwnBlock,
  PolicyDatapath,
  PortEvent,
  RowStatus,
  WiredInterface,
} from "../../driver.ts";
import { firstOfEachFamily } from "../../links/first-addresses.ts";
import type { HostTools } from "../../machine/host-tools.ts";
import { refusePolicy } from "../../unenforced-policy.ts";
import { type Attachment, Attachments } from "./attachments.ts";
import { Ground } from "./ground.ts";
import { createLinkNames, type KernelDriverOptions } from "./options.ts";
import { POLICY_GROUP } from "./policy/names.ts";
import { blockRoutes, localRoutes, nowhereRoute, remoteRoutes } from "./tables/routes.ts";

export interface KernelDriverDependencies {
  readonly kernel: Kernel;
  readonly host: HostTools;
  /** Absent: it enforces no policy. */
  readonly netfilter?: Netfilter | undefined;
  /** Absent, or without netfilter: no QoS. */
  readonly traffic?: TrafficControl | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly reached?: Reached | undefined;
}

/**
 * Routes packets to endpoints with the plain kernel. See DESIGN.md of this package.
 *
 * Resolves when it is known what an earlier run has left.
 *
 * @throws the signal's reason; HoldfastError when the kernel cannot be read.
 */
export async function createKernelDriver(
  dependencies: KernelDriverDependencies,
  options: KernelDriverOptions,
  signal: AbortSignal,
): Promise<DatapathDriver> {
  signal.throwIfAborted();
  const { localNetworks = false, guaranteesOn } = options;
  const ground = new Ground(dependencies, createLinkNames(options), guaranteesOn);
  try {
    await ground.recover();
  } catch (error) {
    await ground.close();
    throw error;
  }
  return new KernelDriver(ground, { localNetworks });
}

class KernelDriver implements DatapathDriver {
  readonly policy?: PolicyDatapath;
  readonly #ground: Ground;
  readonly #attachments: Attachments;
  readonly #networks = new Map<string, WiredNetwork>();
  readonly #localNetworks: boolean;
  /** What has no route, by remote endpoint or block. */
  readonly #pathless = new Map<string, string>();

  constructor(ground: Ground, { localNetworks }: { readonly localNetworks: boolean }) {
    this.#ground = ground;
    this.#localNetworks = localNetworks;
    this.#attachments = new Attachments(ground);
    if (ground.policy !== undefined) this.policy = ground.policy;
  }

  setNetwork(network: WiredNetwork): void {
    if (network.kind === "routed") this.#networks.set(network.id, network);
    else if (!this.#localNetworks) return;
    this.#ground.side.setNetwork(network);
  }

  removeNetwork(id: string): void {
    this.#networks.delete(id);
    this.#ground.side.removeNetwork(id);
    if (this.#ground.isComplete && this.#networks.size === 0) this.#ground.lower();
  }

  setRemote(remote: RemoteEndpoint): void {
    const { routes, pathless } = remoteRoutes(remote);
    this.#ground.places.replace(`remote ${remote.id}`, routes, 2 * remote.epoch);
    this.#notePathless(`remotes ${remote.id}`, pathless);
  }

  removeRemote(id: string): void {
    this.#ground.places.remove(`remote ${id}`);
    this.#pathless.delete(`remotes ${id}`);
  }

  setRemoteBlock(block: RemoteBlock): void {
    const { routes, pathless } = blockRoutes(block);
    this.#ground.places.replace(`block ${block.id}`, routes);
    this.#notePathless(`blocks ${block.id}`, pathless);
  }

  removeRemoteBlock(id: string): void {
    this.#ground.places.remove(`block ${id}`);
    this.#pathless.delete(`blocks ${id}`);
  }

  setOwnBlock(block: OwnBlock): void {
    // Below what is said of another node's block: who has it now may be heard before that this node has it no more.
    this.#ground.places.replace(`own block ${block.id}`, [nowhereRoute(block)], -1);
  }

  removeOwnBlock(id: string): void {
    this.#ground.places.remove(`own block ${id}`);
  }

  async attach(wiring: EndpointWiring, signal: AbortSignal): Promise<AttachedPort> {
    signal.throwIfAborted();
    if (this.#ground.policy === undefined) refusePolicy(wiring);
    else if (wiring.policy !== undefined) this.#ground.policy.expect(wiring.id, wiring.policy);
    const network = this.#routable(wiring);
    const before = this.#attachments.get(wiring.id);
    const attachment = before ?? this.#attachments.begin(wiring, network);
    attachment.wiring = wiring;
    try {
      const row = await attachment.row;
      await this.#wire(attachment, signal);
      const { name: hostInterface, peer: containerInterface, hostMac, sandbox } = row;
      return {
        hostInterface,
        containerInterface,
        hostMac,
        mtu: network.mtu,
        ...(sandbox !== undefined && { inSandbox: true }),
      };
    } catch (error) {
      if (before === undefined && this.#attachments.get(wiring.id) === attachment) {
        await this.#attachments.giveUp(wiring.id);
      }
      throw error;
    }
  }

  async detach(endpointId: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#attachments.end(endpointId, signal);
  }

  /** Nobody is to be told: routes say where an endpoint is, and the machine knows its MAC. */
  async announce(endpointId: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#attachments.get(endpointId) !== undefined) return;
    throw new HoldfastError("not_found", `endpoint ${endpointId} is not attached here`);
  }

  async probe({ network }: AddressQuestion): Promise<readonly AddressConflict[]> {
    throw new HoldfastError(
      "unavailable",
      `nobody outside can be asked for addresses of network ${network}: it is routed`,
    );
  }

  async synced(signal: AbortSignal): Promise<void> {
    if (this.#networks.size > 0) this.#ground.raise();
    await this.#ground.complete(signal);
    // Behind the links: one that is on its way out must not lose its policy before.
    await this.#ground.policy?.prune(signal);
    this.#attachments.forgetUnclaimed();
  }

  watch(signal: AbortSignal): AsyncIterable<PortEvent> {
    return this.#ground.watch.watch(AbortSignal.any([signal, this.#ground.closing]));
  }

  async inventory(signal: AbortSignal): Promise<readonly WiredInterface[]> {
    signal.throwIfAborted();
    return await this.#attachments.inventory();
  }

  status(): readonly RowStatus[] {
    const pathless = [...this.#pathless].map(
      ([row, error]): RowStatus => ({ row, state: "error", attempts: 1, error }),
    );
    return [
      ...this.#ground.reconciler.status(),
      ...this.#ground.side.status(),
      ...(this.#ground.qos?.status() ?? []),
      ...pathless,
    ];
  }

  async close(): Promise<void> {
    await this.#ground.close();
  }

  #notePathless(row: string, error: string | undefined): void {
    if (error === undefined) this.#pathless.delete(row);
    else this.#pathless.set(row, error);
  }

  /** Last, and taken away before the policy is: until then tenants are kept apart. */
  async #setGroup(link: string, group: number): Promise<void> {
    const present = await this.#ground.kernel.getLink(link);
    if (present !== undefined && (present.group ?? 0) !== group) await this.#ground.kernel.setLink(link, { group });
  }

  #routable({ id, network: networkId }: EndpointWiring): WiredNetwork {
    const network = this.#networks.get(networkId);
    if (network === undefined) {
      throw new HoldfastError("not_found", `endpoint ${id} is in network ${networkId}, which is not known here`);
    }
    const conflict = this.#ground.side.conflict(network.id);
    if (conflict !== undefined) throw new HoldfastError("conflict", `endpoint ${id} is not attached: ${conflict}`);
    return network;
  }

  /** First its policy, and then everything at once; what needs the link waits for it by itself. */
  async #wire(attachment: Attachment, signal: AbortSignal): Promise<void> {
    const { wiring } = attachment;
    const row = await attachment.row;
    if (wiring.policy === undefined && !this.#ground.creatable.has(row.name)) await this.#setGroup(row.name, 0);
    await this.#ground.policy?.admit(wiring, row.name, signal);
    if (this.#attachments.get(wiring.id) !== attachment) {
      throw new HoldfastError("conflict", `endpoint ${wiring.id} was detached while it was attached`);
    }
    const { veths, places, routes, side } = this.#ground;
    this.#ground.watch.add(row.name, wiring.id);
    const raised = this.#ground.raise();
    this.#ground.reached?.("kernel.attach-begun");
    veths.set(row);
    const limited = this.#ground.setQos(wiring, row.name);
    // Of two nodes that both claim an endpoint of the same epoch, this one has it before its eyes.
    const touched = places.replace(wiring.id, localRoutes(wiring, row.name), 2 * wiring.epoch + 1);
    const known = this.#attachments.setNeighbours(attachment, row.name);
    const { owners } = this.#ground;
    owners?.set({ link: row.name, mac: wiring.mac, addresses: wiring.addresses });
    await Promise.all([
      raised(signal),
      veths.settled([row.name], signal),
      routes.settled(touched, signal),
      known(signal),
      owners?.settled([row.name], signal),
      limited(signal),
      // Before anything is forwarded for it: who may reach whom.
      side.inForce(signal),
      side.setPorts(wiring.id, publishedPorts(wiring), signal),
    ]);
    if (wiring.policy !== undefined) await this.#setGroup(row.name, POLICY_GROUP);
    this.#ground.reached?.("kernel.attach-wired");
    this.#attachments.wired(attachment, row);
  }
}

function publishedPorts({ network, addresses, ports }: EndpointWiring) {
  if (ports.length === 0) return undefined;
  return {
    network,
    ports: ports.flatMap((port) => firstOfEachFamily(addresses).map((address) => ({ ...port, address }))),
  };
}
