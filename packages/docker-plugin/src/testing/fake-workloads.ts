import { HoldfastError, Identity, IpAddress, type Name } from "@holdfast/core";
import {
  type AttachedInterface,
  type AttachmentInfo,
  type AttachRequest,
  isOnWire,
  type Phase,
  type PublishedPort,
  placementOf,
  type ReservedAddresses,
  type ReserveRequest,
  type WiredNetwork,
  type WorkloadApi,
} from "@holdfast/model";
import { FakeAddressBook, type FakeClaim } from "./fake-address-book.ts";

/** An attachment of the fake, with what a test wants to look at. */
export interface FakeEndpoint {
  readonly id: string;
  readonly tenant: Name;
  readonly network: Name;
  readonly claim: FakeClaim;
  readonly requester: string;
  container: string | undefined;
  phase: Phase;
  since: number;
  runtimeEndpoint: string | undefined;
  sandbox: string | undefined;
  ports: readonly PublishedPort[];
}

type Operation = "network" | "reserve" | "unreserve" | "attach" | "joined" | "detach" | "reclaim";

/** What {@link FakeWorkloads} is made with. */
export interface FakeWorkloadsOptions {
  readonly networks: readonly WiredNetwork[];
  /** Epoch milliseconds. Default `Date.now`. */
  readonly now?: () => number;
  /** Whether the namespace at a path exists. Default: always. */
  readonly sandboxLives?: (path: string) => boolean;
}

/** A {@link WorkloadApi} in memory: one node that is its own controller. Public operations of the interface may be failed or held by name. */
export class FakeWorkloads implements WorkloadApi {
  readonly endpoints: FakeEndpoint[] = [];
  /** `"attach"`, `"detach"`, … in the order they came. */
  readonly calls: string[] = [];
  readonly #addressBook = new FakeAddressBook();
  readonly #failures = new Map<Operation, Error>();
  readonly #held = new Map<Operation, Promise<void>>();
  readonly #now: () => number;
  readonly #sandboxLives: (path: string) => boolean;
  #networks: readonly WiredNetwork[];
  #networksChanged = Promise.withResolvers<void>();
  #count = 0;

  constructor({ networks, now = Date.now, sandboxLives = () => true }: FakeWorkloadsOptions) {
    this.#networks = networks;
    this.#now = now;
    this.#sandboxLives = sandboxLives;
  }

  /** The next call of this operation fails. */
  failNext(operation: Operation, error: Error): void {
    this.#failures.set(operation, error);
  }

  /** Calls of this operation wait until the function that is returned is called. */
  hold(operation: Operation): () => void {
    const gate = Promise.withResolvers<void>();
    this.#held.set(operation, gate.promise);
    return () => {
      this.#held.delete(operation);
      gate.resolve();
    };
  }

  setNetworks(networks: readonly WiredNetwork[]): void {
    this.#networks = networks;
    this.#networksChanged.resolve();
    this.#networksChanged = Promise.withResolvers();
  }

  /** Allocates an address for an identity before there is a container. */
  claim(network: WiredNetwork, identity: string, addresses: readonly string[]): FakeClaim {
    return this.#addressBook.claim(network, identity, addresses);
  }

  /** Endpoints that hold an address. */
  get live(): readonly FakeEndpoint[] {
    return this.endpoints.filter(({ phase }) => phase !== "released");
  }

  async network(tenant: Name, name: Name): Promise<WiredNetwork> {
    await this.#enter("network");
    return this.#findNetwork(tenant, name);
  }

  async *watchNetworks(signal: AbortSignal): AsyncIterable<readonly WiredNetwork[]> {
    const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    while (!signal.aborted) {
      const changed = this.#networksChanged.promise;
      yield this.#networks;
      await Promise.race([changed, aborted]);
    }
  }

  async reserve(request: ReserveRequest, signal: AbortSignal): Promise<ReservedAddresses> {
    await this.#enter("reserve");
    signal.throwIfAborted();
    const network = this.#findNetwork(request.tenant, request.network);
    const again = this.#reservedBefore(request);
    const endpoint = again ?? this.#newEndpoint(request, this.#claimFor(request, network));
    if (again === undefined) this.endpoints.push(endpoint);
    const { identity, addresses, mac } = endpoint.claim;
    return { endpoint: endpoint.id, identity, addresses, mac, network };
  }

  async unreserve({ tenant, network, address }: Parameters<WorkloadApi["unreserve"]>[0]): Promise<void> {
    await this.#enter("unreserve");
    const endpoint = this.#holder(tenant, network, address);
    if (endpoint === undefined || this.#inSandbox(endpoint)) return;
    this.#release(endpoint);
  }

  async attach(request: AttachRequest, signal: AbortSignal): Promise<AttachedInterface> {
    await this.#enter("attach");
    signal.throwIfAborted();
    const known = this.#byRuntime(request.runtimeEndpoint);
    const [first = IpAddress.parse("0.0.0.0")] = request.addresses;
    if (known?.phase === "detached") {
      if (request.rejoin !== true) throw new HoldfastError("conflict", `endpoint ${known.id} is detached`);
      const { tenant, network, runtime, runtimeEndpoint } = request;
      await this.reserve({ tenant, network, runtime, requester: runtimeEndpoint, address: first }, signal);
    } else if (known !== undefined) return this.#answer(known);
    const endpoint = this.#holder(request.tenant, request.network, first);
    if (endpoint === undefined || endpoint.phase !== "reserved") {
      throw new HoldfastError("not_found", `${first} is not reserved on this node`);
    }
    const { claim } = endpoint;
    if (request.addresses.some((address) => !claim.addresses.includes(address))) {
      throw new HoldfastError("conflict", `${request.addresses.join(" and ")} are not of one claim`);
    }
    if (request.identity !== undefined && request.identity !== claim.identity) {
      throw new HoldfastError("conflict", `${first} belongs to ${claim.identity}, not ${request.identity}`);
    }
    if (request.mac !== undefined && request.mac !== claim.mac) {
      throw new HoldfastError("conflict", `the MAC of ${first} is ${claim.mac}, not ${request.mac}`);
    }
    endpoint.runtimeEndpoint = request.runtimeEndpoint;
    endpoint.ports = request.ports ?? [];
    this.#enterPhase(endpoint, "wired");
    return this.#answer(endpoint);
  }

  async joined({ runtimeEndpoint, sandbox }: Parameters<WorkloadApi["joined"]>[0]): Promise<void> {
    await this.#enter("joined");
    const endpoint = this.#byRuntime(runtimeEndpoint);
    if (endpoint === undefined) throw new HoldfastError("not_found", `endpoint ${runtimeEndpoint} is not attached`);
    endpoint.sandbox = sandbox;
    this.#enterPhase(endpoint, "active");
  }

  async detach({ runtimeEndpoint }: Parameters<WorkloadApi["detach"]>[0]): Promise<void> {
    await this.#enter("detach");
    const endpoint = this.#byRuntime(runtimeEndpoint);
    if (endpoint !== undefined && endpoint.phase !== "detached") this.#enterPhase(endpoint, "detached");
  }

  inspect(runtimeEndpoint: string): AttachmentInfo | undefined {
    const endpoint = this.#byRuntime(runtimeEndpoint);
    return endpoint === undefined ? undefined : infoOf(endpoint);
  }

  attachments(): readonly AttachmentInfo[] {
    return this.live.map(infoOf);
  }

  async reclaim(endpoints: readonly string[], _reason: string): Promise<void> {
    await this.#enter("reclaim");
    for (const endpoint of this.live) {
      if (endpoints.includes(endpoint.id) && !this.#inSandbox(endpoint)) this.#release(endpoint);
    }
  }

  containerNamed({ runtimeEndpoint, container }: { runtimeEndpoint: string; container: string }): void {
    const endpoint = this.#byRuntime(runtimeEndpoint);
    if (endpoint !== undefined) endpoint.container = container;
  }

  async #enter(operation: Operation): Promise<void> {
    this.calls.push(operation);
    await this.#held.get(operation);
    const failure = this.#failures.get(operation);
    this.#failures.delete(operation);
    if (failure !== undefined) throw failure;
  }

  #findNetwork(tenant: Name, name: Name): WiredNetwork {
    const found = this.#networks.find((network) => network.tenant === tenant && network.name === name);
    if (found === undefined) throw new HoldfastError("not_found", `network ${tenant}/${name} does not exist`);
    return found;
  }

  #reservedBefore({ tenant, network, address, identity, requester }: ReserveRequest): FakeEndpoint | undefined {
    return this.live.find((endpoint) => {
      if (endpoint.tenant !== tenant || endpoint.network !== network || endpoint.phase !== "reserved") return false;
      if (address !== undefined) return endpoint.claim.addresses.includes(address);
      if (identity !== undefined) return endpoint.claim.identity === identity || endpoint.requester === requester;
      return endpoint.requester === requester;
    });
  }

  #claimFor(request: ReserveRequest, network: WiredNetwork): FakeClaim {
    const fresh = Identity.parse(`ephemeral-${this.#count}`);
    return this.#unbound(this.#addressBook.claimFor(request, network, fresh));
  }

  #unbound(claim: FakeClaim): FakeClaim {
    const holder = this.live.find((endpoint) => endpoint.claim === claim && endpoint.phase !== "detached");
    if (holder === undefined) {
      for (const endpoint of this.live) if (endpoint.claim === claim) this.#enterPhase(endpoint, "released");
      return claim;
    }
    throw new HoldfastError(
      "claim_bound",
      `${claim.addresses[0]} is bound to ${claim.identity} by endpoint ${holder.id} of node-1`,
    );
  }

  #newEndpoint(request: ReserveRequest, claim: FakeClaim): FakeEndpoint {
    return {
      id: `e${++this.#count}`,
      tenant: request.tenant,
      network: request.network,
      claim,
      requester: request.requester,
      container: request.container,
      phase: "reserved",
      since: this.#now(),
      runtimeEndpoint: undefined,
      sandbox: undefined,
      ports: [],
    };
  }

  #holder(tenant: Name, network: Name, address: IpAddress): FakeEndpoint | undefined {
    return this.live.find(
      (endpoint) =>
        endpoint.tenant === tenant && endpoint.network === network && endpoint.claim.addresses.includes(address),
    );
  }

  #byRuntime(runtimeEndpoint: string): FakeEndpoint | undefined {
    return this.live.find((endpoint) => endpoint.runtimeEndpoint === runtimeEndpoint);
  }

  #inSandbox({ phase, sandbox }: FakeEndpoint): boolean {
    return isOnWire(phase) && sandbox !== undefined && this.#sandboxLives(sandbox);
  }

  #release(endpoint: FakeEndpoint): void {
    this.#enterPhase(endpoint, "released");
    this.#addressBook.release(endpoint.claim);
  }

  #enterPhase(endpoint: FakeEndpoint, phase: Phase): void {
    if (endpoint.phase === phase) return;
    endpoint.phase = phase;
    endpoint.since = this.#now();
  }

  #answer(endpoint: FakeEndpoint): AttachedInterface {
    const network = this.#findNetwork(endpoint.tenant, endpoint.network);
    const gateways = endpoint.claim.addresses.flatMap((address) => placementOf(network, address).gateway ?? []);
    return {
      endpoint: endpoint.id,
      interfaceName: `hf${endpoint.id}`,
      hostInterface: `nearhf${endpoint.id}`,
      mac: endpoint.claim.mac,
      mtu: network.mtu,
      gateways,
    };
  }
}

function infoOf({ id, tenant, network, claim, phase, since, runtimeEndpoint, sandbox }: FakeEndpoint): AttachmentInfo {
  const own = {
    ...(runtimeEndpoint === undefined ? {} : { runtimeEndpoint }),
    ...(sandbox === undefined ? {} : { sandbox }),
  };
  return { endpoint: id, tenant, network, ...claim, phase, since, ...own };
}
