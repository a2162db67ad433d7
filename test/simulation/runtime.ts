import type { Identity, IpAddress } from "@holdfast/core";
import { Name } from "@holdfast/core";
import type { Agent } from "../../packages/agent/src/agent.ts";
import type { Machine } from "./machine.ts";
import type { Scheduler } from "./scheduler.ts";

export const TENANT = Name.parse("default");
export const NETWORK = Name.parse("web");
const TARGET = { tenant: TENANT, network: NETWORK } as const;

/** How a container asks for its address. */
export interface Wish {
  readonly identity?: Identity;
  readonly identityIsHint?: boolean;
  readonly address?: IpAddress;
}

interface Container {
  readonly runtimeEndpoint: string;
  address: IpAddress | undefined;
  /** Somebody is at it, so that an observer must not conclude anything. */
  busy: boolean;
}

/** The container runtime of one machine, with the habits that such programs have: they die in between, repeat, and forget to clean up. */
export class Runtime {
  readonly machine: Machine;
  readonly containers = new Set<Container>();
  readonly #scheduler: Scheduler;
  /** Attachments that were without a container at the last look. */
  #orphans = new Set<string>();
  #count = 0;

  constructor(machine: Machine, scheduler: Scheduler) {
    this.machine = machine;
    this.#scheduler = scheduler;
  }

  async start(wish: Wish): Promise<void> {
    const container: Container = {
      runtimeEndpoint: `${this.machine.name}-d${++this.#count}`,
      address: undefined,
      busy: true,
    };
    this.containers.add(container);
    try {
      await this.#patiently((signal) => this.#startNow(container, wish, signal));
    } catch {
      // It is not there, whatever is left of it. Some runtimes clean up.
      if (this.#scheduler.chance(0.5)) await this.#giveBack(container);
      this.containers.delete(container);
    } finally {
      container.busy = false;
    }
  }

  async #startNow(container: Container, wish: Wish, signal: AbortSignal): Promise<void> {
    const { runtimeEndpoint } = container;
    const requester = this.#scheduler.chance(0.5) ? "pool" : runtimeEndpoint;
    // Of runtimes that ask for both at once.
    const following = requester === runtimeEndpoint ? { attachFollows: true as const } : {};
    const request = { ...TARGET, runtime: "docker", requester, ...following, ...wish } as const;
    const { addresses } = await this.#call(({ workloads }) => workloads.reserve(request, signal));
    if (this.#scheduler.chance(0.05)) await this.#call(({ workloads }) => workloads.reserve(request, signal));
    const [address] = addresses;
    container.address = address;
    if (address === undefined) throw new Error("a reservation without an address");
    const attach = { ...TARGET, runtime: "docker", runtimeEndpoint, addresses: [address] } as const;
    await this.#call(({ workloads }) => workloads.attach(attach, signal));
    await this.#call(({ workloads }) => workloads.joined({ runtimeEndpoint, sandbox: runtimeEndpoint }, signal));
    const endpoint = this.machine.agent?.workloads.inspect(runtimeEndpoint)?.endpoint;
    if (endpoint !== undefined) this.machine.emit({ endpoint, state: "up" });
  }

  async stop(): Promise<void> {
    const container = this.#scheduler.pick([...this.containers].filter(({ busy }) => !busy));
    if (container === undefined) return;
    container.busy = true;
    const endpoint = this.machine.agent?.workloads.inspect(container.runtimeEndpoint)?.endpoint;
    if (endpoint !== undefined && this.#scheduler.chance(0.2)) this.machine.emit({ endpoint, state: "gone" });
    if (this.#scheduler.chance(0.8)) await this.#giveBack(container);
    this.containers.delete(container);
  }

  async #giveBack({ runtimeEndpoint, address }: Container): Promise<void> {
    const undo = async (signal: AbortSignal): Promise<void> => {
      await this.#call(({ workloads }) => workloads.detach({ runtimeEndpoint }, signal));
      if (address !== undefined)
        await this.#call(({ workloads }) => workloads.unreserve({ ...TARGET, address }, signal));
    };
    // What is left the observer will see.
    await this.#patiently(undo).catch(() => undefined);
  }

  /** Looks for attachments without a container, and gives back those that it has seen twice. */
  async observe(): Promise<void> {
    const { agent } = this.machine;
    if (agent === undefined) return;
    const living = new Set([...this.containers].map(({ runtimeEndpoint }) => runtimeEndpoint));
    const orphans = agent.workloads
      .attachments("docker")
      .filter(({ runtimeEndpoint }) => runtimeEndpoint !== undefined && !living.has(runtimeEndpoint))
      .map(({ endpoint }) => endpoint);
    const again = orphans.filter((endpoint) => this.#orphans.has(endpoint));
    this.#orphans = new Set(orphans);
    if (again.length === 0) return;
    await this.#patiently((signal) =>
      this.#call(({ workloads }) => workloads.reclaim(again, "no container has it", signal)),
    ).catch(() => undefined);
  }

  /** All containers are gone, without a word to anybody. */
  forgetAll(): void {
    this.containers.clear();
  }

  /** A call over a socket to whichever agent listens. @throws when that ends before it has answered. */
  async #call<T>(work: (agent: Agent) => Promise<T>): Promise<T> {
    const { agent, process } = this.machine;
    if (agent === undefined || process === undefined) throw new Error("no agent listens");
    return await new Promise<T>((resolve, reject) => {
      process.end.addEventListener("abort", () => reject(new Error("the agent has hung up")), { once: true });
      work(agent).then(resolve, reject);
    });
  }

  /** Some callers wait long, some give up soon. */
  async #patiently<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const patience = new AbortController();
    const milliseconds = this.#scheduler.chance(0.8) ? 30_000 : this.#scheduler.below(200);
    const cancel = this.#scheduler.addTimer(undefined, milliseconds, "a runtime gives up", () =>
      patience.abort(new Error("gave up")),
    );
    try {
      return await work(patience.signal);
    } finally {
      cancel();
    }
  }
}
