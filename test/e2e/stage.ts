import { join } from "node:path";
import { Identity, Name, silentLogger, VlanId } from "@holdfast/core";
import {
  addressOf,
  answersFrom,
  createLab,
  dockerNetwork,
  type Lab,
  type LabHost,
  type Output,
  type Platform,
  type PlatformOptions,
  type RouterVlan,
  runContainer,
  startPlatform,
} from "@holdfast/lab";
import { type Claim, type Endpoint, type Phase, routes } from "@holdfast/model";
import { type Book, bookHas } from "./book.ts";

/** `bin/holdfast` of this checkout. */
export const HOLDFAST = join(import.meta.dirname, "../../bin/holdfast");

export interface StageOptions
  extends Pick<PlatformOptions, "controllerFlags" | "agentFlags" | "agentEnv" | "uplink" | "switchless"> {
  /** Ends the name of the lab, e.g. `"restart"`. */
  readonly title: string;
  /** The program and what is before it. Default: {@link HOLDFAST}. */
  readonly command?: readonly string[];
  /** Whether the hosts' containerd serves CRI. */
  readonly cri?: boolean;
  /** E.g. `{ 100: ["10.20.0.1/16"] }`: the router's addresses by VLAN. */
  readonly vlans?: Readonly<Record<number, readonly string[]>>;
}

export interface RunOptions {
  readonly network: string;
  readonly address?: string;
  readonly words?: readonly string[];
  readonly command?: readonly string[];
}

/** Two lab hosts with the whole platform on them, for the tests of one file. */
export class Stage implements AsyncDisposable {
  readonly lab: Lab;
  readonly platform: Platform;

  private constructor(lab: Lab, platform: Platform) {
    this.lab = lab;
    this.platform = platform;
  }

  static async create(
    { title, vlans = {}, cri = false, ...options }: StageOptions,
    signal: AbortSignal,
  ): Promise<Stage> {
    const routerVlans: RouterVlan[] = Object.entries(vlans).map(([vlan, gateways]) => ({
      vlan: VlanId.parse(Number(vlan)),
      gateways,
    }));
    const name = `e2e-${title}-${process.pid}`;
    const lab = await createLab({ logger: silentLogger }, { name, vlans: routerVlans, cri, signal });
    try {
      // What is started here lives as long as the lab, not as long as the hook that started it.
      const platform = await startPlatform(lab, {
        command: [HOLDFAST],
        ...options,
        signal: new AbortController().signal,
      });
      return new Stage(lab, platform);
    } catch (error) {
      await lab.destroy();
      throw error;
    }
  }

  get h1(): LabHost {
    return this.lab.host(1);
  }

  get h2(): LabHost {
    return this.lab.host(2);
  }

  /** Runs `holdfast` on the controller's machine, e.g. `"claim list --network web"`; gives what it prints. */
  async holdfast(line: string, signal: AbortSignal): Promise<string> {
    return await this.platform.command(line.split(" "), signal);
  }

  /** Like {@link holdfast}, whatever the exit code. */
  async tryHoldfast(words: readonly string[], signal: AbortSignal): Promise<Output> {
    const env = { HOLDFAST_SERVER: this.platform.server, HOLDFAST_TOKEN: this.platform.token };
    return await this.lab.control.tryExec([HOLDFAST, ...words], { signal, env });
  }

  /** Creates a network, e.g. `("web", "--kind vlan --vlan 100 --subnet 10.20.0.0/16")`, and waits until every dockerd has it. */
  async network(name: string, flags: string, signal: AbortSignal): Promise<void> {
    await this.holdfast(`network create ${name} ${flags}`, signal);
    const tenant = /--tenant (\S+)/.exec(flags)?.[1];
    const dockerName = tenant === undefined ? name : `${name}.${tenant}`;
    await Promise.all(this.lab.hosts.map(async (host) => await dockerNetwork(host, dockerName, signal)));
  }

  /** Creates a claim of the tenant `default`. */
  async claim(identity: string, network: string, signal: AbortSignal): Promise<{ address: string; mac: string }> {
    const [, address = "", mac = ""] = (await this.holdfast(`claim create ${identity} --network ${network}`, signal))
      .trim()
      .split(/\s+/);
    return { address, mac };
  }

  async getClaim(identity: string, network: string, signal: AbortSignal): Promise<Claim> {
    const params = { tenant: Name.parse("default"), network: Name.parse(network), identity: Identity.parse(identity) };
    return await this.platform.client.call(routes.getClaim, { params }, { signal });
  }

  /** Starts a container; gives address and MAC that Docker shows for it. */
  async run(
    host: LabHost,
    name: string,
    { network, ...options }: RunOptions,
    signal: AbortSignal,
  ): Promise<{ address: string; mac: string }> {
    await runContainer(host, { name, network, ...options }, signal);
    return await addressOf(host, name, network, signal);
  }

  /** Address and MAC of a container, as Docker shows them. */
  async addressOf(
    host: LabHost,
    name: string,
    network: string,
    signal: AbortSignal,
  ): Promise<{ address: string; mac: string }> {
    return await addressOf(host, name, network, signal);
  }

  /** Whether an address answers the router, the company's network. */
  async answersRouter(address: string, signal: AbortSignal): Promise<boolean> {
    return (await this.lab.router.tryExec(["ping", "-c", "1", "-W", "2", address], { signal })).code === 0;
  }

  /** Whether an address answers a container. */
  async answers(host: LabHost, container: string, address: string, signal: AbortSignal): Promise<boolean> {
    return await answersFrom(host, container, address, signal);
  }

  /** What Docker says when it refuses to run a container. */
  async runRefused(host: LabHost, name: string, words: string, signal: AbortSignal): Promise<string> {
    const run = ["docker", "run", "--detach", "--name", name, ...words.split(" "), "holdfast/busybox", "sleep", "9999"];
    const { code, stderr } = await host.tryExec(run, { signal });
    if (code !== 0) await host.docker(["rm", "--force", name], { signal });
    return code === 0 ? "it runs" : stderr;
  }

  /** Resolves with what `look` finds in the controller's book, looked at now and after every change of it. */
  async bookHas<T>(look: (book: Book) => T | undefined, signal: AbortSignal): Promise<T> {
    return await bookHas(this.platform.client, look, signal);
  }

  /** Waits until the controller knows the endpoint that has an address in this phase. */
  async endpointIn(address: string, phase: Phase, signal: AbortSignal): Promise<Endpoint> {
    return await this.bookHas(
      ({ endpoints }) =>
        endpoints.find((endpoint) => endpoint.phase === phase && endpoint.addresses.some((own) => own === address)),
      signal,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.platform[Symbol.asyncDispose]();
    await this.lab.destroy();
  }
}
