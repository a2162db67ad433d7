import { type Client, createClient } from "@holdfast/client";
import { createNodeFetch } from "@holdfast/http";
import type { LabHost } from "./host.ts";
import type { Lab } from "./lab.ts";
import type { LabProcess } from "./process.ts";
import { type Relay, startRelay } from "./relay.ts";

export interface PlatformOptions {
  /** The program, e.g. `["/srv/holdfast/bin/holdfast"]`. */
  readonly command: readonly string[];
  readonly signal: AbortSignal;
  /** Added to the controller's flags, e.g. `["--node-timeout", "5s"]`. */
  readonly controllerFlags?: readonly string[];
  /** Added to every agent's flags. */
  readonly agentFlags?: readonly string[];
  /** Added to every agent's environment. */
  readonly agentEnv?: Readonly<Record<string, string>>;
  /** Whether hosts use their uplink. Default true; false: networks are local to each host. */
  readonly uplink?: boolean;
  /** Whether agents do without Open vSwitch: then hosts have their underlay addresses, of both families, on their uplinks. Default false. */
  readonly switchless?: boolean;
}

const PORT = 4653;
const START_TIME = 30_000;

/** Holdfast itself, running in a lab: a controller in the control space, an agent on every host. */
export class Platform implements AsyncDisposable {
  readonly lab: Lab;
  readonly client: Client;
  readonly token: string;
  readonly #options: PlatformOptions;
  readonly #relay: Relay;

  constructor(lab: Lab, options: PlatformOptions, parts: { readonly relay: Relay; readonly token: string }) {
    this.lab = lab;
    this.token = parts.token;
    this.#options = options;
    this.#relay = parts.relay;
    const fetch = createNodeFetch({ socketPath: parts.relay.socketPath });
    this.client = createClient({ fetch }, { server: `http://controller:${PORT}`, token: parts.token });
  }

  /** The controller's address as the hosts reach it. */
  get server(): string {
    return serverOf(this.lab);
  }

  /** The node name of a host, e.g. `"h1"`. */
  nodeOf(host: LabHost): string {
    return `h${host.number}`;
  }

  /** Runs a command line as an operator would, on the controller's machine; gives what it prints. */
  async command(words: readonly string[], signal: AbortSignal = this.#options.signal): Promise<string> {
    const env = { HOLDFAST_SERVER: this.server, HOLDFAST_TOKEN: this.token };
    const { stdout } = await this.lab.control.exec([...this.#options.command, ...words], { signal, env });
    return stdout;
  }

  async startController(signal: AbortSignal = this.#options.signal): Promise<LabProcess> {
    return await spawnController(this.lab, this.#options, this.token, signal);
  }

  async startAgent(host: LabHost, signal: AbortSignal = this.#options.signal): Promise<LabProcess> {
    const { command, agentFlags = [], agentEnv = {}, uplink = true, switchless = false } = this.#options;
    const trunk = ["--uplink", "uplink0", "--tunnel-address", host.underlay.interfaceAddress];
    const outside = switchless ? await addressUplink(host, signal) : uplink ? trunk : [];
    const flags = ["--server", this.server, "--node", this.nodeOf(host), ...outside, ...agentFlags];
    return await host.spawn([...command, "agent", ...flags], {
      name: "agent",
      env: { HOLDFAST_AGENT_TOKEN: this.token, ...agentEnv },
      ready: { kind: "line", pattern: /"agent is ready"/, timeout: START_TIME },
      signal,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#relay[Symbol.asyncDispose]();
  }
}

/** Starts controller and agents; the lab's end is their end. */
export async function startPlatform(lab: Lab, options: PlatformOptions): Promise<Platform> {
  const token = `token-of-lab-${lab.name}`;
  await spawnController(lab, options, token, options.signal);
  const relay = await startRelay(lab.control, { address: lab.controlAddress, port: PORT }, options.signal);
  const platform = new Platform(lab, options, { relay, token });
  await Promise.all(lab.hosts.map(async (host) => await platform.startAgent(host)));
  return platform;
}

/** What a machine without a switch has from its administrator. Gives the agent's flags. */
async function addressUplink(host: LabHost, signal: AbortSignal): Promise<readonly string[]> {
  const { address, interfaceAddress } = host.underlay;
  const second = `${UNDERLAY_V6}${host.number + 10}`;
  await host.exec(["sysctl", "-qw", "net.ipv6.conf.uplink0.disable_ipv6=0"], { signal });
  await host.exec(["ip", "address", "replace", interfaceAddress, "dev", "uplink0"], { signal });
  await host.exec(["ip", "address", "replace", `${second}/64`, "dev", "uplink0", "nodad"], { signal });
  return ["--datapath", "kernel", "--node-address", `${address},${second}`];
}

/** Begins the IPv6 addresses of the underlay; the router has none there by itself. */
const UNDERLAY_V6 = "fd00:50::";

async function spawnController(
  lab: Lab,
  options: PlatformOptions,
  token: string,
  signal: AbortSignal,
): Promise<LabProcess> {
  const listen = `${lab.controlAddress}:${PORT}`;
  const flags = ["--listen", listen, ...(options.controllerFlags ?? [])];
  return await lab.control.spawn([...options.command, "controller", ...flags], {
    name: "controller",
    env: { HOLDFAST_CONTROLLER_TOKEN: token },
    ready: { kind: "line", pattern: /"controller is ready"/, timeout: START_TIME },
    signal,
  });
}

function serverOf(lab: Lab): string {
  return `http://${lab.controlAddress}:${PORT}`;
}
