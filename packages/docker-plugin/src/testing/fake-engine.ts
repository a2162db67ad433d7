import { HoldfastError } from "@holdfast/core";
import type { Engine, EngineEndpoint, EngineNetwork, NewEngineNetwork } from "../engine/engine.ts";

/** An {@link Engine} in memory; the test says when it comes, goes, and tells of events. */
export class FakeEngine implements Engine {
  readonly networkList: EngineNetwork[] = [];
  /** Containers that name a network by its id. */
  readonly byId = new Map<string, readonly string[]>();
  version = "1.41";
  /** How often it was asked for its networks. */
  looks = 0;
  /** The next call of createNetwork fails with it. */
  createFailure: Error | undefined;
  /** Runs before it lists its networks: what happens while it is asked. */
  beforeList: () => Promise<void> = () => Promise.resolve();
  #running = true;
  #count = 0;
  #changed = Promise.withResolvers<void>();
  #events = 0;

  async apiVersion(): Promise<string> {
    return this.version;
  }

  async networks(): Promise<readonly EngineNetwork[]> {
    this.#checkRunning();
    this.looks += 1;
    await this.beforeList();
    return [...this.networkList];
  }

  async containersByNetworkId(networkId: string): Promise<readonly string[]> {
    return this.byId.get(networkId) ?? [];
  }

  async createNetwork(network: NewEngineNetwork): Promise<string> {
    const failure = this.createFailure;
    this.createFailure = undefined;
    if (failure !== undefined) throw failure;
    if (this.networkList.some(({ name }) => name === network.name)) {
      throw new HoldfastError("already_exists", `network with name ${network.name} already exists`);
    }
    return this.add(network.name, {
      labels: network.labels,
      options: network.options,
      ipamOptions: network.options,
      subnets: network.subnets.map(({ prefix }) => prefix),
    });
  }

  async removeNetwork(networkId: string): Promise<void> {
    const index = this.networkList.findIndex(({ id }) => id === networkId);
    if (index < 0) return;
    if (this.networkList[index]?.endpoints.length !== 0)
      throw new HoldfastError("in_use", "network has active endpoints");
    this.networkList.splice(index, 1);
  }

  async disconnect(networkId: string, container: string): Promise<void> {
    const index = this.networkList.findIndex(({ id }) => id === networkId);
    const network = this.networkList[index];
    if (network === undefined) return;
    const endpoints = network.endpoints.filter((endpoint) => endpoint.container !== container);
    this.networkList[index] = { ...network, endpoints };
  }

  async *events(signal: AbortSignal): AsyncIterable<"connected" | "event"> {
    this.#checkRunning();
    yield "connected";
    const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    for (let told = this.#events; this.#running && !signal.aborted; ) {
      await Promise.race([this.#changed.promise, aborted]);
      for (; told < this.#events; told++) yield "event";
    }
  }

  /** A docker network that somebody has made; gives its id. */
  add(name: string, rest: Partial<EngineNetwork> = {}): string {
    const id = `network-${++this.#count}`;
    this.networkList.push({
      id,
      name,
      labels: {},
      options: {},
      ipamOptions: {},
      subnets: [],
      auxiliary: [],
      endpoints: [],
      ...rest,
    });
    return id;
  }

  setEndpoints(networkId: string, endpoints: readonly EngineEndpoint[]): void {
    const index = this.networkList.findIndex(({ id }) => id === networkId);
    const network = this.networkList[index];
    if (network !== undefined) this.networkList[index] = { ...network, endpoints };
  }

  tell(): void {
    this.#events += 1;
    this.#wake();
  }

  stop(): void {
    this.#running = false;
    this.#wake();
  }

  start(): void {
    this.#running = true;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #checkRunning(): void {
    if (!this.#running) throw new HoldfastError("unavailable", "dockerd is not there");
  }
}
