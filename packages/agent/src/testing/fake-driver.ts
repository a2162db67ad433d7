import { HoldfastError, IpAddress, type MacAddress } from "@holdfast/core";
import type {
  AddressConflict,
  AddressQuestion,
  AttachedPort,
  DatapathDriver,
  EndpointWiring,
  GuardCounter,
  OwnBlock,
  PolicyDatapath,
  PortEvent,
  RuleCounter,
  WiredInterface,
} from "@holdfast/datapath";
import type { RemoteBlock, RemoteEndpoint, WiredNetwork } from "@holdfast/model";
import type { EndpointPrograms, PolicyChange } from "@holdfast/policy";
import { PlainPath } from "@holdfast/policy/testing";

/** A data path made of memory. `journal` says what was done, in order, e.g. `"attach e-1 10.20.0.7"`. */
export class FakeDriver implements DatapathDriver {
  /** Absent: it enforces none. */
  policy?: FakePolicyPath;
  readonly journal: string[] = [];
  readonly networks = new Map<string, WiredNetwork>();
  readonly remoteBlocks = new Map<string, RemoteBlock>();
  readonly ownBlocks = new Map<string, OwnBlock>();
  readonly remotes = new Map<string, RemoteEndpoint>();
  readonly attached = new Map<string, EndpointWiring>();
  /** Machines outside, by the address that they have. */
  readonly outside = new Map<IpAddress, MacAddress>();
  /** What was attached, at each time when it was waited for that nothing is forwarded as before. */
  readonly quieted: (readonly string[])[] = [];
  /** Looking for machines outside fails with this. */
  probeFailure: Error | undefined;
  /** Of interfaces that are not up, for inventories. */
  readonly states = new Map<string, WiredInterface["state"]>();
  /** Runs before an endpoint is wired or taken off the wire, for tests that stop in the middle. */
  before: (what: "attach" | "detach", endpoint: string) => Promise<void> = () => Promise.resolve();
  /** What this life of the agent has asked for; the rest is pruned when it is in step. */
  readonly #desired = new Set<string>();
  /** How many processes have ended. */
  #life = 0;
  #failNext: string | undefined;
  readonly #followers = new Set<(event: PortEvent) => void>();

  /** The next attach is refused with this text. */
  failNextAttach(message: string): void {
    this.#failNext = message;
  }

  /** As one process has it: what that does after it has ended changes nothing any more. */
  ofProcess(): DatapathDriver {
    const life = this.#life;
    const own: Partial<DatapathDriver> = {
      attach: (endpoint) => this.#attach(endpoint, life),
      detach: (endpointId) => this.#detach(endpointId, life),
    };
    return new Proxy<DatapathDriver>(this, {
      get: (driver, name: keyof DatapathDriver) =>
        name === "policy" ? this.policy : (own[name] ?? driver[name]?.bind(driver)),
    });
  }

  /** The agent's process has ended: what is wired stays, and is no longer asked for. */
  outliveAgent(): void {
    this.#life += 1;
    this.#desired.clear();
    this.before = () => Promise.resolve();
  }

  /** Something happens to an interface. */
  emit(event: PortEvent): void {
    for (const follow of this.#followers) follow(event);
  }

  setNetwork(network: WiredNetwork): void {
    this.networks.set(network.id, network);
  }
  removeNetwork(id: string): void {
    this.networks.delete(id);
  }
  setRemote(remote: RemoteEndpoint): void {
    this.remotes.set(remote.id, remote);
  }
  setRemoteBlock(block: RemoteBlock): void {
    this.remoteBlocks.set(block.id, block);
  }
  removeRemoteBlock(id: string): void {
    this.remoteBlocks.delete(id);
  }
  setOwnBlock(block: OwnBlock): void {
    this.ownBlocks.set(block.id, block);
  }
  removeOwnBlock(id: string): void {
    this.ownBlocks.delete(id);
  }
  removeRemote(id: string): void {
    this.remotes.delete(id);
  }

  attach(endpoint: EndpointWiring): Promise<AttachedPort> {
    return this.#attach(endpoint, this.#life);
  }
  detach(endpointId: string): Promise<void> {
    return this.#detach(endpointId, this.#life);
  }

  async #attach(endpoint: EndpointWiring, life: number): Promise<AttachedPort> {
    const failure = this.#failNext;
    this.#failNext = undefined;
    if (failure !== undefined) throw new HoldfastError("switch_rejected", failure);
    if (!this.networks.has(endpoint.network)) {
      throw new HoldfastError(
        "not_found",
        `endpoint ${endpoint.id} is in network ${endpoint.network}, which is not known here`,
      );
    }
    await this.before("attach", endpoint.id);
    this.#checkAlive(life);
    if (endpoint.policy !== undefined) this.#guard(endpoint.id, endpoint.policy);
    this.attached.set(endpoint.id, endpoint);
    this.#desired.add(endpoint.id);
    this.journal.push(`attach ${endpoint.id} ${endpoint.addresses.join(",")}`);
    return { hostInterface: `h${endpoint.id}`, containerInterface: `c${endpoint.id}`, mtu: 1500 };
  }
  #guard(endpoint: string, policy: EndpointPrograms): void {
    if (this.policy?.path.programs.has(policy.program) !== true) {
      throw new HoldfastError("not_found", `endpoint ${endpoint} has policy ${policy.program}, which is not here`);
    }
    this.policy.path.endpoints.set(endpoint, { endpoint, ...policy });
  }
  async #detach(endpointId: string, life: number): Promise<void> {
    await this.before("detach", endpointId);
    this.#checkAlive(life);
    this.#desired.delete(endpointId);
    if (this.attached.delete(endpointId)) this.journal.push(`detach ${endpointId}`);
  }
  async probe({ addresses, mac }: AddressQuestion): Promise<readonly AddressConflict[]> {
    this.journal.push(`probe ${addresses.join(",")}`);
    if (this.probeFailure !== undefined) throw this.probeFailure;
    return addresses.flatMap((address) => {
      const other = this.outside.get(address);
      return other === undefined || other === mac ? [] : [{ address, mac: other }];
    });
  }

  quiet(): Promise<void> {
    this.quieted.push([...this.attached.keys()]);
    return Promise.resolve();
  }

  announce(endpointId: string): Promise<void> {
    this.journal.push(`announce ${endpointId}`);
    return Promise.resolve();
  }
  synced(): Promise<void> {
    for (const id of [...this.attached.keys()]) {
      if (this.#desired.has(id)) continue;
      this.attached.delete(id);
      this.journal.push(`prune ${id}`);
    }
    this.journal.push("synced");
    return Promise.resolve();
  }

  async *watch(signal: AbortSignal): AsyncIterable<PortEvent> {
    const waiting: PortEvent[] = [];
    let wake = (): void => undefined;
    const follow = (event: PortEvent): void => {
      waiting.push(event);
      wake();
    };
    this.#followers.add(follow);
    signal.addEventListener("abort", () => wake(), { once: true });
    try {
      while (!signal.aborted) {
        const event = waiting.shift();
        if (event !== undefined) yield event;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      this.#followers.delete(follow);
    }
  }

  inventory(): Promise<readonly WiredInterface[]> {
    const found = [...this.attached.keys()].map((endpoint) => {
      const state = this.states.get(endpoint) ?? ("up" as const);
      return { endpoint, interface: `h${endpoint}`.slice(0, 15), state };
    });
    return Promise.resolve(found);
  }

  status(): [] {
    return [];
  }
  close(): Promise<void> {
    return Promise.resolve();
  }

  #checkAlive(life: number): void {
    if (life !== this.#life) throw new HoldfastError("unavailable", "the agent's process has ended");
  }
}

/** Enforces policies on packets that nobody sends. */
export class FakePolicyPath implements PolicyDatapath {
  readonly path = new PlainPath();
  /** Every change that it was asked for. */
  readonly changes: PolicyChange[] = [];
  /** Changes are refused with this. */
  failure: Error | undefined;

  applyPolicy(change: PolicyChange): Promise<void> {
    this.changes.push(change);
    if (this.failure !== undefined) return Promise.reject(this.failure);
    // Of others than those that came with programs nothing is known here.
    this.path.apply({
      ...change,
      endpoints: change.endpoints.filter(({ endpoint }) => this.path.endpoints.has(endpoint)),
    });
    return Promise.resolve();
  }

  /** What is counted by now. */
  counters: { rules: readonly RuleCounter[]; guards: readonly GuardCounter[] } = { rules: [], guards: [] };

  ruleCounters(): Promise<readonly RuleCounter[]> {
    return Promise.resolve(this.counters.rules);
  }

  guardCounters(): Promise<readonly GuardCounter[]> {
    return Promise.resolve(this.counters.guards);
  }

  /** The rule that decides about a TCP connection to port 443 of the endpoint. */
  decides(endpoint: string, from: string): string {
    const packet = { direction: "ingress", protocol: 6, sourcePort: 50_000, destinationPort: 443 } as const;
    return this.path.decide(endpoint, { ...packet, remote: IpAddress.parse(from) }, "enforced").rule.id;
  }
}
