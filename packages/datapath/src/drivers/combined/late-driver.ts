import { errorText, HoldfastError } from "@holdfast/core";
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
import { PolicyMemory } from "../../policy-memory.ts";

/** Opens a driver. @throws HoldfastError when what it stands on is not there; then it is tried again when it is needed again. */
export type OpenDriver = () => Promise<DatapathDriver>;

/**
 * A driver that is opened when the first endpoint needs it, and is told then what this one was told before. Only for a driver that no earlier run
 * has left endpoints on: nothing else is removed when it is opened after {@link DatapathDriver.synced}.
 */
export class LateDriver implements DatapathDriver {
  readonly #open: OpenDriver;
  readonly #networks = new Map<string, WiredNetwork>();
  readonly #remotes = new Map<string, RemoteEndpoint>();
  readonly #blocks = new Map<string, RemoteBlock>();
  readonly #ownBlocks = new Map<string, OwnBlock>();
  readonly #policies = new PolicyMemory();
  readonly #watchers = new Map<Channel<PortEvent>, AbortSignal>();
  #opening: Promise<DatapathDriver> | undefined;
  #driver: DatapathDriver | undefined;
  #failure: RowStatus | undefined;
  #complete = false;

  constructor(open: OpenDriver) {
    this.#open = open;
  }

  /** Of a driver that is not open yet: nothing is to be decided about before it is, and then it has everything first. */
  get policy(): PolicyDatapath | undefined {
    if (this.#driver !== undefined) return this.#driver.policy;
    return {
      applyPolicy: async (change, signal) => {
        this.#policies.take(change);
        // One that is being opened may have been told what there was before. To be told twice does no harm.
        const driver = await this.#opening?.catch(() => undefined);
        await driver?.policy?.applyPolicy(change, signal);
      },
      ruleCounters: async () => [],
      guardCounters: async () => [],
    };
  }

  setNetwork(network: WiredNetwork): void {
    this.#networks.set(network.id, network);
    this.#driver?.setNetwork(network);
  }

  removeNetwork(id: string): void {
    this.#networks.delete(id);
    if (this.#networks.size === 0) this.#failure = undefined;
    this.#driver?.removeNetwork(id);
  }

  setRemote(remote: RemoteEndpoint): void {
    this.#remotes.set(remote.id, remote);
    this.#driver?.setRemote(remote);
  }

  removeRemote(id: string): void {
    this.#remotes.delete(id);
    this.#driver?.removeRemote(id);
  }

  setRemoteBlock(block: RemoteBlock): void {
    this.#blocks.set(block.id, block);
    this.#driver?.setRemoteBlock(block);
  }

  removeRemoteBlock(id: string): void {
    this.#blocks.delete(id);
    this.#driver?.removeRemoteBlock(id);
  }

  setOwnBlock(block: OwnBlock): void {
    this.#ownBlocks.set(block.id, block);
    this.#driver?.setOwnBlock(block);
  }

  removeOwnBlock(id: string): void {
    this.#ownBlocks.delete(id);
    this.#driver?.removeOwnBlock(id);
  }

  async attach(endpoint: EndpointWiring, signal: AbortSignal): Promise<AttachedPort> {
    signal.throwIfAborted();
    const driver = await this.#opened(`endpoint ${endpoint.id}`);
    return await driver.attach(endpoint, signal);
  }

  async detach(endpointId: string, signal: AbortSignal): Promise<void> {
    await this.#driver?.detach(endpointId, signal);
  }

  async quiet(signal: AbortSignal): Promise<void> {
    await this.#driver?.quiet?.(signal);
  }

  async announce(endpointId: string, signal: AbortSignal): Promise<void> {
    if (this.#driver === undefined) throw new HoldfastError("not_found", `endpoint ${endpointId} is not attached here`);
    await this.#driver.announce(endpointId, signal);
  }

  async probe(question: AddressQuestion, signal: AbortSignal): Promise<readonly AddressConflict[]> {
    const driver = await this.#opened(`network ${question.network}`);
    return await driver.probe(question, signal);
  }

  async synced(signal: AbortSignal): Promise<void> {
    this.#complete = true;
    await this.#driver?.synced(signal);
  }

  watch(signal: AbortSignal): AsyncIterable<PortEvent> {
    const channel = new Channel<PortEvent>(signal);
    this.#watchers.set(channel, signal);
    signal.addEventListener("abort", () => this.#watchers.delete(channel), { once: true });
    if (this.#driver !== undefined) void passOn(this.#driver, channel, signal);
    return channel;
  }

  async inventory(signal: AbortSignal): Promise<readonly WiredInterface[]> {
    signal.throwIfAborted();
    return (await this.#driver?.inventory(signal)) ?? [];
  }

  status(): readonly RowStatus[] {
    return this.#driver?.status() ?? (this.#failure === undefined ? [] : [this.#failure]);
  }

  async close(): Promise<void> {
    const driver = this.#driver ?? (await this.#opening?.catch(() => undefined));
    await driver?.close();
  }

  async #opened(row: string): Promise<DatapathDriver> {
    this.#opening ??= this.#openNow();
    try {
      return await this.#opening;
    } catch (error) {
      this.#opening = undefined;
      const attempts = (this.#failure?.attempts ?? 0) + 1;
      this.#failure = { row, state: "error", attempts, error: errorText(error) };
      throw error;
    }
  }

  async #openNow(): Promise<DatapathDriver> {
    const driver = await this.#open();
    for (const network of this.#networks.values()) driver.setNetwork(network);
    for (const remote of this.#remotes.values()) driver.setRemote(remote);
    for (const block of this.#blocks.values()) driver.setRemoteBlock(block);
    for (const block of this.#ownBlocks.values()) driver.setOwnBlock(block);
    await driver.policy?.applyPolicy(this.#policies.whole, AbortSignal.timeout(SYNC_LIMIT));
    for (const [channel, signal] of this.#watchers) void passOn(driver, channel, signal);
    this.#driver = driver;
    this.#failure = undefined;
    if (this.#complete) await driver.synced(AbortSignal.timeout(SYNC_LIMIT));
    return driver;
  }
}

/** Milliseconds. */
const SYNC_LIMIT = 30_000;

/** What a driver says of its links, from now on. */
export async function passOn(driver: DatapathDriver, channel: Channel<PortEvent>, signal: AbortSignal): Promise<void> {
  for await (const event of driver.watch(signal)) channel.push(event);
}
