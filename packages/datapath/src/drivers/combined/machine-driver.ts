import { HoldfastError } from "@holdfast/core";
import type { RemoteBlock, RemoteEndpoint, WiredNetwork } from "@holdfast/model";
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
import { Channel } from "../../links/channel.ts";
import { passOn } from "./late-driver.ts";
import { MachinePolicy } from "./machine-policy.ts";

export interface MachineDrivers {
  /** Of networks of kind `routed`. */
  readonly routed: DatapathDriver;
  /** Of all others. */
  readonly switched: DatapathDriver;
}

/**
 * The data path of a machine: each network by the driver of its kind. Both are told of every network, because those that the machine is the
 * gateway of share its one routing table.
 */
export class MachineDriver implements DatapathDriver {
  readonly #drivers: MachineDrivers;
  readonly #all: readonly DatapathDriver[];
  /** By network. */
  readonly #carriers = new Map<string, DatapathDriver>();
  /** Of endpoints that are attached, or being attached. */
  readonly #endpoints = new Map<string, DatapathDriver>();

  readonly #policy: PolicyDatapath;

  constructor(drivers: MachineDrivers) {
    this.#drivers = drivers;
    this.#all = [drivers.routed, drivers.switched];
    this.#policy = new MachinePolicy({ drivers: this.#all, driverOf: (endpoint) => this.#endpoints.get(endpoint) });
  }

  get policy(): PolicyDatapath {
    return this.#policy;
  }

  setNetwork(network: WiredNetwork): void {
    const { routed, switched } = this.#drivers;
    this.#carriers.set(network.id, network.kind === "routed" ? routed : switched);
    for (const driver of this.#all) driver.setNetwork(network);
  }

  removeNetwork(id: string): void {
    this.#carriers.delete(id);
    for (const driver of this.#all) driver.removeNetwork(id);
  }

  setRemote(remote: RemoteEndpoint): void {
    this.#carrierOf(remote.network).setRemote(remote);
  }

  removeRemote(id: string): void {
    for (const driver of this.#all) driver.removeRemote(id);
  }

  setRemoteBlock(block: RemoteBlock): void {
    this.#drivers.routed.setRemoteBlock(block);
  }

  removeRemoteBlock(id: string): void {
    this.#drivers.routed.removeRemoteBlock(id);
  }

  setOwnBlock(block: OwnBlock): void {
    this.#drivers.routed.setOwnBlock(block);
  }

  removeOwnBlock(id: string): void {
    this.#drivers.routed.removeOwnBlock(id);
  }

  async attach(endpoint: EndpointWiring, signal: AbortSignal): Promise<AttachedPort> {
    signal.throwIfAborted();
    const driver = this.#carriers.get(endpoint.network);
    if (driver === undefined) {
      const text = `endpoint ${endpoint.id} is in network ${endpoint.network}, which is not known here`;
      throw new HoldfastError("not_found", text);
    }
    const before = this.#endpoints.get(endpoint.id);
    this.#endpoints.set(endpoint.id, driver);
    try {
      return await driver.attach(endpoint, signal);
    } catch (error) {
      if (before === undefined) this.#endpoints.delete(endpoint.id);
      throw error;
    }
  }

  async detach(endpointId: string, signal: AbortSignal): Promise<void> {
    const driver = this.#endpoints.get(endpointId);
    // One that an earlier run has attached may be anywhere.
    const asked = driver === undefined ? this.#all : [driver];
    await Promise.all(asked.map((each) => each.detach(endpointId, signal)));
    if (this.#endpoints.get(endpointId) === driver) this.#endpoints.delete(endpointId);
  }

  async quiet(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#all.map(async (each) => await each.quiet?.(signal)));
  }

  async announce(endpointId: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const driver = this.#endpoints.get(endpointId);
    if (driver === undefined) throw new HoldfastError("not_found", `endpoint ${endpointId} is not attached here`);
    await driver.announce(endpointId, signal);
  }

  async probe(question: AddressQuestion, signal: AbortSignal): Promise<readonly AddressConflict[]> {
    return await this.#carrierOf(question.network).probe(question, signal);
  }

  async synced(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#all.map((driver) => driver.synced(signal)));
  }

  watch(signal: AbortSignal): AsyncIterable<PortEvent> {
    const channel = new Channel<PortEvent>(signal);
    for (const driver of this.#all) void passOn(driver, channel, signal);
    return channel;
  }

  async inventory(signal: AbortSignal): Promise<readonly WiredInterface[]> {
    const found = await Promise.all(this.#all.map((driver) => driver.inventory(signal)));
    return found.flat();
  }

  status(): readonly RowStatus[] {
    return this.#all.flatMap((driver) => driver.status());
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((driver) => driver.close()));
  }

  /** Of one that nobody knows the switch's says so. */
  #carrierOf(network: string): DatapathDriver {
    return this.#carriers.get(network) ?? this.#drivers.switched;
  }
}
