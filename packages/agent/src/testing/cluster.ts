import { type Client, createClient } from "@holdfast/client";
import { type Controller, createController } from "@holdfast/controller";
import { controllerOptions } from "@holdfast/controller/config";
import { HoldfastError, Identity, IpAddress, Name, readOptions, silentLogger, systemClock } from "@holdfast/core";
import {
  type AddressStory,
  type Claim,
  type Endpoint,
  type NetworkPatch,
  type NewClaim,
  type NewNetwork,
  type NodeBlockUsage,
  routes,
} from "@holdfast/model";
import { type Operation, openMemoryStore, type Store } from "@holdfast/store";
import { storeWith } from "@holdfast/store/testing";
import { type Agent, type AgentSettings, startAgent } from "../agent.ts";
import type { Sandboxes } from "../sandboxes.ts";
import { FakeDriver } from "./fake-driver.ts";
import { FaultyLink } from "./faulty-link.ts";

export const TENANT = Name.parse("default");
export const NETWORK = Name.parse("web");
const TOKEN = "token-of-the-test";

/** One machine: what is on its disk, its data path, its way to the controller, and an agent that may come and go. */
export class Host {
  readonly name: Name;
  readonly link = new FaultyLink();
  book: Store = openMemoryStore({ clock: systemClock });
  driver = new FakeDriver();
  /** Absent: its sandboxes cannot be seen. */
  sandboxes: Sandboxes | undefined;
  #agent: Agent | undefined;
  #closeBook = (): void => undefined;
  readonly #server: () => string;

  constructor(name: string, server: () => string) {
    this.name = Name.parse(name);
    this.#server = server;
  }

  get isRunning(): boolean {
    return this.#agent !== undefined;
  }

  get workloads(): Agent["workloads"] {
    if (this.#agent === undefined) throw new TypeError(`the agent of ${this.name} does not run`);
    return this.#agent.workloads;
  }

  async start(settings: Partial<AgentSettings> = {}): Promise<void> {
    const client = createClient({ fetch: this.link.fetch }, { server: this.#server(), token: TOKEN });
    const store = this.#openBook();
    const dependencies = { store, client, driver: this.driver.ofProcess(), clock: systemClock, logger: silentLogger };
    const seen = this.sandboxes === undefined ? {} : { sandboxes: this.sandboxes };
    const times = { beatMilliseconds: 100, reservationTimeoutMilliseconds: 60_000 };
    const report = { version: "test", labels: {} };
    this.#agent = await startAgent({ ...dependencies, ...seen }, { node: this.name, report, ...times, ...settings });
  }

  /** The process ends; what is wired stays wired. */
  async stop(): Promise<void> {
    await this.#agent?.stop();
    this.#agent = undefined;
    this.driver.outliveAgent();
    this.link.breakOff();
    this.#closeBook();
    // What the ended process has begun to write is there before the next one reads.
    await this.book.commit({ conditions: [], operations: [] });
  }

  /** A process that has ended writes nothing any more. */
  #openBook(): Store {
    let closed = false;
    this.#closeBook = () => {
      closed = true;
    };
    const { book } = this;
    return storeWith(book, {
      commit: async (transaction) => {
        if (closed) throw new HoldfastError("unavailable", "the store is closed");
        return await book.commit(transaction);
      },
    });
  }

  /** Prefixes of the blocks in the book on disk. */
  async blocksOnDisk(): Promise<string[]> {
    const { entries } = await this.book.list("block/");
    return entries.map(({ value }) => (JSON.parse(value) as { prefix: string }).prefix).toSorted();
  }

  /** Every endpoint in the book on disk, by id. */
  async onDisk(): Promise<Map<string, { readonly id: string; readonly phase: string }>> {
    const { entries } = await this.book.list("endpoint/");
    const items = entries.map(({ value }) => JSON.parse(value) as { id: string; phase: string });
    return new Map(items.map((item) => [item.id, item]));
  }
}

/** A controller that can go away and come back with what it had, and hosts. */
export class Cluster implements AsyncDisposable {
  readonly store = openMemoryStore({ clock: systemClock });
  readonly hosts = new Map<string, Host>();
  readonly signal: AbortSignal;
  #controller: Controller | undefined;
  #port = 0;
  readonly #flags: Readonly<Record<string, string>>;

  private constructor(signal: AbortSignal, flags: Readonly<Record<string, string>>) {
    this.signal = signal;
    this.#flags = flags;
  }

  /** With one network, `10.20.0.0/24`, that all hosts know, and no rest for released addresses, unless `network` says otherwise. */
  static async start(
    hosts: readonly string[],
    signal = AbortSignal.timeout(20_000),
    network: Partial<Pick<NewNetwork, "kind" | "nodeBlocks" | "cooldownSeconds" | "conflictProbe">> = {},
    flags: Readonly<Record<string, string>> = {},
  ): Promise<Cluster> {
    const cluster = new Cluster(signal, flags);
    await cluster.startController();
    const segment = network.kind === "routed" ? {} : { segment: 100 };
    const body = { name: NETWORK, kind: "vlan" as const, ...segment, cooldownSeconds: 0, ...network };
    await cluster.client.call(
      routes.createNetwork,
      { params: { tenant: TENANT }, body: { ...body, subnets: [{ prefix: "10.20.0.0/24" }] } },
      { signal },
    );
    for (const name of hosts) {
      const host = cluster.addHost(name);
      cluster.hosts.set(name, host);
      await host.start();
      await cluster.until(() => host.driver.journal.includes("synced"));
    }
    return cluster;
  }

  get client(): Client {
    return createClient({ fetch }, { server: this.#server, token: TOKEN });
  }

  get isRunning(): boolean {
    return this.#controller !== undefined;
  }

  get #server(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** A machine that does not run yet. */
  addHost(name: string): Host {
    return new Host(name, () => this.#server);
  }

  host(name: string): Host {
    const host = this.hosts.get(name);
    if (host === undefined) throw new TypeError(`no host ${name}`);
    return host;
  }

  async startController(nodeTimeout = "60s"): Promise<void> {
    const flags = { listen: `127.0.0.1:${this.#port}`, token: TOKEN, nodeTimeout, ...this.#flags };
    const options = readOptions("controller", controllerOptions, { flags });
    this.#controller = createController({ store: this.store, clock: systemClock, logger: silentLogger }, options);
    await this.#controller.start();
    this.#port = this.#controller.address.port;
  }

  async stopController(): Promise<void> {
    await this.#controller?.stop();
    this.#controller = undefined;
  }

  async claim(identity: string, body: Partial<NewClaim> = {}): Promise<Claim> {
    const params = { tenant: TENANT, network: NETWORK };
    const wanted = { ...body, identity: Identity.parse(identity) };
    return await this.client.call(routes.createClaim, { params, body: wanted }, { signal: this.signal });
  }

  async claimAt(identity: string, address: string): Promise<Claim> {
    return await this.claim(identity, { addresses: [IpAddress.parse(address)] });
  }

  async move(identity: string, node?: string): Promise<void> {
    const params = { tenant: TENANT, network: NETWORK, identity };
    const body = { force: true, ...(node === undefined ? {} : { node }) };
    await this.client.call(routes.moveClaim, { params, body }, { signal: this.signal });
  }

  async claims(): Promise<readonly Claim[]> {
    return (await this.client.call(routes.listClaims, { query: { limit: 1000 } }, { signal: this.signal })).items;
  }

  async blocks(): Promise<readonly NodeBlockUsage[]> {
    return (await this.client.call(routes.listBlocks, { query: { limit: 1000 } }, { signal: this.signal })).items;
  }

  async reclaimBlock(prefix: string, force = true): Promise<void> {
    const params = { tenant: TENANT, network: NETWORK, prefix };
    await this.client.call(routes.reclaimBlock, { params, body: { force } }, { signal: this.signal });
  }

  async explain(address: string): Promise<AddressStory | undefined> {
    const { items } = await this.client.call(routes.explainAddress, { params: { address } }, { signal: this.signal });
    return items[0];
  }

  async changeNetwork(body: NetworkPatch): Promise<void> {
    await this.client.call(
      routes.updateNetwork,
      { params: { tenant: TENANT, network: NETWORK }, body },
      { signal: this.signal },
    );
  }

  async endpoints(): Promise<readonly Endpoint[]> {
    return (await this.client.call(routes.listEndpoints, { query: { limit: 1000 } }, { signal: this.signal })).items;
  }

  /** Looks until it is so; fails with the test's own time limit. */
  async until(holds: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await holds())) {
      this.signal.throwIfAborted();
      await systemClock.wait(3, this.signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.hosts.values()) await host.stop();
    await this.stopController();
  }
}

/** A store whose commits wait while they are held: those with an operation that matches. */
export function holdable(store: Store): {
  readonly store: Store;
  hold(match: (operation: Operation) => boolean): () => void;
} {
  let match: (operation: Operation) => boolean = () => false;
  let gate = Promise.resolve();
  return {
    store: storeWith(store, {
      commit: async (transaction) => {
        if (transaction.operations.some((operation) => match(operation))) await gate;
        return await store.commit(transaction);
      },
    }),
    hold(wanted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      match = wanted;
      gate = promise;
      return () => {
        match = () => false;
        resolve();
      };
    },
  };
}
