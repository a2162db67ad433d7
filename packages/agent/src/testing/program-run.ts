import { Cidr, createTurns, type Identity, type IpAddress, isHoldfastError } from "@holdfast/core";
import { routes } from "@holdfast/model";
import { type Cluster, type Host, NETWORK, TENANT } from "./cluster.ts";
import { addressOf, asRequest, HOSTS, IDENTITIES, type Step } from "./random-program.ts";

/** A container as its runtime sees it. */
interface Container {
  readonly host: Host;
  readonly runtimeEndpoint: string;
  address: IpAddress;
}

/** Runs steps against real agents and a real controller, and looks after each whether what must hold holds. */
export class ProgramRun {
  readonly #cluster: Cluster;
  readonly #slots = new Map<number, Container>();
  /** Identities that were moved by force since everything was in step: their former node may not have heard of it. */
  readonly #forced = new Set<string>();
  /** Blocks that were taken by force since then, likewise. */
  readonly #taken = new Set<Cidr>();
  /** Claims that are certainly there. */
  readonly #claimed = new Map<string, IpAddress>();
  /** Claims of which a request that failed leaves open whether they are there. */
  readonly #uncertain = new Set<string>();
  readonly #running: Promise<void>[] = [];
  readonly #turns = createTurns();
  #count = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const one of steps) {
      for (const { driver } of this.#cluster.hosts.values()) driver.before = () => pause(one.latency);
      const done = this.#take(one).catch(refusalsAreFine);
      this.#running.push(done);
      if (one.alone) await done;
      this.#checkOneOwner();
    }
    await this.settle();
    await this.#giveEverythingBack();
  }

  /** Everything comes up and gets in step; then nothing may differ between nodes and controller. */
  async settle(): Promise<void> {
    await Promise.all(this.#running.splice(0));
    const cluster = this.#cluster;
    if (!cluster.isRunning) await cluster.startController();
    for (const one of cluster.hosts.values()) {
      one.link.mend();
      if (!one.isRunning) await one.start();
    }
    let found: readonly string[] = [];
    const deadline = Date.now() + 8000;
    do {
      // A connection of the client that the controller's end has closed is found out by using it.
      found = await this.#differences().catch((error: unknown) => {
        refusalsAreFine(error);
        return [String(error)];
      });
      if (found.length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    } while (found.length > 0 && Date.now() < deadline);
    if (found.length > 0) throw new Error(`not in step: ${found.join("; ")}`);
    this.#forced.clear();
    this.#taken.clear();
    this.#checkOneOwner();
  }

  async #take(one: Step): Promise<void> {
    const signal = AbortSignal.timeout(one.patience);
    switch (one.kind) {
      case "reserve":
        return await this.#reserve(one, signal);
      case "attach":
      case "up":
      case "gone":
      case "detach":
      case "unreserve":
        return await this.#withContainer(one.kind, this.#slots.get(one.slot), signal);
      case "claim":
      case "release":
        return await this.#turns.take(`claim ${one.claim}`, () => this.#changeClaim(one.kind, one.claim));
      case "move":
        return await this.#move(one.claim, one.host);
      case "agent":
      case "link":
      case "feed":
      case "deaf":
        return await this.#turns.take(`host ${one.host}`, () => this.#disturb(one.kind, one.host));
      case "controller":
        return await this.#turns.take("controller", () =>
          this.#cluster.isRunning ? this.#cluster.stopController() : this.#cluster.startController(),
        );
      case "reclaim":
        return await this.#reclaim(HOSTS[one.host] ?? "h1", one.force);
      case "settle":
        return one.alone ? await this.settle() : undefined;
    }
  }

  async #reserve(one: Step & { kind: "reserve" }, signal: AbortSignal): Promise<void> {
    const on = this.#cluster.host(HOSTS[one.host] ?? "h1");
    if (!on.isRunning) return;
    const reserved = await on.workloads.reserve(
      { tenant: TENANT, network: NETWORK, runtime: "docker", requester: `slot-${one.slot}`, ...asRequest(one.wish) },
      signal,
    );
    const [address] = reserved.addresses;
    if (address === undefined) throw new Error("a reservation without an address");
    this.#slots.set(one.slot, { host: on, address, runtimeEndpoint: `d-${one.slot}-${this.#count++}` });
  }

  async #withContainer(
    kind: "attach" | "up" | "gone" | "detach" | "unreserve",
    container: Container | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    if (container === undefined || !container.host.isRunning) return;
    const { host: on, address, runtimeEndpoint } = container;
    const target = { tenant: TENANT, network: NETWORK };
    const endpoint = on.workloads.inspect(runtimeEndpoint)?.endpoint;
    switch (kind) {
      case "attach":
        await on.workloads.attach({ ...target, runtime: "docker", runtimeEndpoint, addresses: [address] }, signal);
        return;
      case "up":
        await on.workloads.joined({ runtimeEndpoint, sandbox: `/netns/${runtimeEndpoint}` }, signal);
        if (endpoint !== undefined) on.driver.emit({ endpoint, state: "up" });
        return;
      case "gone":
        if (endpoint !== undefined) on.driver.emit({ endpoint, state: "gone" });
        return;
      case "detach":
        return await on.workloads.detach({ runtimeEndpoint }, signal);
      case "unreserve":
        return await on.workloads.unreserve({ ...target, address }, signal);
    }
  }

  async #changeClaim(kind: "claim" | "release", index: number): Promise<void> {
    const identity = IDENTITIES[index] ?? "redis-0";
    this.#uncertain.add(identity);
    if (kind === "claim") {
      await this.#cluster.claimAt(identity, addressOf(index));
      this.#claimed.set(identity, addressOf(index));
    } else {
      this.#claimed.delete(identity);
      const params = { tenant: TENANT, network: NETWORK, identity };
      await this.#cluster.client.call(routes.releaseClaim, { params }, { signal: this.#cluster.signal });
    }
    this.#uncertain.delete(identity);
  }

  async #move(index: number, to: number | undefined): Promise<void> {
    const identity = IDENTITIES[index] ?? "redis-0";
    this.#forced.add(identity);
    await this.#cluster.move(identity, to === undefined ? undefined : HOSTS[to]);
  }

  async #reclaim(host: string, force: boolean): Promise<void> {
    const block = (await this.#cluster.blocks()).find(({ node }) => node === host);
    if (block === undefined) return;
    if (force) this.#taken.add(block.prefix);
    await this.#cluster.reclaimBlock(block.prefix, force);
  }

  async #disturb(kind: "agent" | "link" | "feed" | "deaf", number: number): Promise<void> {
    const on = this.#cluster.host(HOSTS[number] ?? "h1");
    if (kind === "agent") return on.isRunning ? await on.stop() : await on.start();
    if (kind === "feed") return on.link.breakOff();
    if (kind === "deaf") return on.link.loseAnswers(/reports|reservations/);
    if (on.link.isDown) on.link.mend();
    else on.link.cut();
  }

  /** No address is on two wires, unless it was moved by force a moment ago and its former node has not heard of it. */
  #checkOneOwner(): void {
    const owners = new Map<IpAddress, string>();
    for (const on of this.#cluster.hosts.values()) {
      for (const { id, addresses } of on.driver.attached.values()) {
        for (const address of addresses) {
          const other = owners.get(address);
          owners.set(address, `${id} on ${on.name}`);
          if (other === undefined || this.#mayBeTwice(address)) continue;
          throw new Error(`${address} is on the wire of ${other} and of ${id} on ${on.name}`);
        }
      }
    }
  }

  #mayBeTwice(address: IpAddress): boolean {
    for (const prefix of this.#taken) if (Cidr.contains(prefix, address)) return true;
    return IDENTITIES.some((identity, index) => addressOf(index) === address && this.#forced.has(identity));
  }

  async #differences(): Promise<readonly string[]> {
    const [endpoints, claims] = [await this.#cluster.endpoints(), await this.#cluster.claims()];
    const found: string[] = [];
    const blocks = await this.#cluster.blocks();
    for (const on of this.#cluster.hosts.values()) {
      const held = (await on.blocksOnDisk()).join();
      const leased = blocks.filter(({ node }) => node === on.name).map(({ prefix }) => prefix);
      if (held !== leased.toSorted().join()) found.push(`${on.name} has blocks ${held}, not ${leased.join()}`);
      const here = [...(await on.onDisk()).values()].map(({ id, phase }) => `${id} ${phase}`).toSorted();
      const there = endpoints.filter(({ node }) => node === on.name).map(({ id, phase }) => `${id} ${phase}`);
      if (here.join() !== there.toSorted().join())
        found.push(`${on.name} has ${here.join()}, controller ${there.join()}`);
      const wired = here.filter((text) => / (binding|wired|active)$/.test(text)).map((text) => text.split(" ")[0]);
      const carried = [...on.driver.attached.keys()].toSorted();
      if (wired.join() !== carried.join()) found.push(`${on.name} carries ${carried.join()}, not ${wired.join()}`);
    }
    for (const { identity, binding, retention, expiresAt } of claims) {
      if (binding !== undefined && !endpoints.some(({ id }) => id === binding.endpoint))
        found.push(`${identity} is bound by ${binding.endpoint}, which is not there`);
      if (binding === undefined && retention.kind === "ephemeral" && expiresAt === undefined)
        found.push(`${identity} was not released`);
    }
    for (const { id, identity } of endpoints) {
      if (claims.find((one) => one.identity === identity)?.binding?.endpoint !== id) found.push(`${id} has no claim`);
    }
    for (const [identity, address] of this.#claimed) {
      if (this.#uncertain.has(identity)) continue;
      const kept = claims.find((one) => one.identity === (identity as Identity));
      if (kept?.addresses[0] !== address) found.push(`claim ${identity} of ${address} is lost`);
    }
    return found;
  }

  async #giveEverythingBack(): Promise<void> {
    for (const on of this.#cluster.hosts.values()) {
      const all = on.workloads.attachments("docker").map(({ endpoint }) => endpoint);
      await on.workloads.reclaim(all, "the program has ended", this.#cluster.signal);
    }
    await this.settle();
    const { entries } = await this.#cluster.store.list("");
    const claimed = (await this.#cluster.claims()).flatMap(({ addresses }) => addresses).length;
    const count = (prefix: string): number => entries.filter(({ key }) => key.startsWith(prefix)).length;
    const left = {
      endpoints: count("endpoints/"),
      cooling: count("cooling/"),
      addresses: count("addresses/") - claimed,
    };
    if (Object.values(left).some((number) => number !== 0)) throw new Error(`left behind: ${JSON.stringify(left)}`);
    for (const on of this.#cluster.hosts.values()) {
      const kept = [...(await on.onDisk()).keys()];
      if (kept.length + on.driver.attached.size > 0) throw new Error(`left behind on ${on.name}: ${kept.join()}`);
    }
  }
}

async function pause(milliseconds: number): Promise<void> {
  if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** What a step may end with: an error that says what is wrong, or that its caller gave up. */
function refusalsAreFine(error: unknown): void {
  if (isHoldfastError(error) && error.code !== "internal") return;
  if (error instanceof DOMException && error.name === "TimeoutError") return;
  throw error;
}
