import { HoldfastError, type Logger, VlanId } from "@holdfast/core";
import { addressOf, answersFrom, dockerNetwork, removeContainer, runContainer } from "../containers.ts";
import type { LabHost } from "../host.ts";
import { createLab, type Lab } from "../lab.ts";
import { startPingStream } from "../measure/stream.ts";
import { type Platform, startPlatform } from "../platform.ts";

export interface DemoOptions {
  /** The program, e.g. `["/srv/holdfast/bin/holdfast"]`. */
  readonly command: readonly string[];
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

export interface DemoResult {
  /** The longest time without an answer while the container moved, in milliseconds. */
  readonly vlanGapMs: number;
  readonly vxlanGapMs: number;
  readonly routedGapMs: number;
}

/**
 * The product's story on two simulated hosts: a container with a claim runs on one, is removed there and started on the other, and has the same
 * address and MAC, over VLAN, over VXLAN, and routed. Everything is gone afterwards.
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { print, signal, logger, command } = options;
  print("Two hosts, each with its own Open vSwitch, Docker and agent; a switch between them, a router behind it.");
  const vlans = [{ vlan: VlanId.parse(100), gateways: ["10.20.0.1/16"] }];
  await using lab = await createLab({ logger }, { name: `demo-${process.pid}`, hosts: 2, vlans, signal });
  await using platform = await startPlatform(lab, { command, signal });
  const story = new Story(lab, platform, options);
  const vlanGapMs = await story.vlan();
  const vxlanGapMs = await story.vxlan();
  const routedGapMs = await story.routed();
  print("");
  const gaps = `over VLAN ${milliseconds(vlanGapMs)}, over VXLAN ${milliseconds(vxlanGapMs)}, routed ${milliseconds(routedGapMs)}`;
  print(`Moved with the same address and MAC: ${gaps} without an answer.`);
  print("The lab goes away now; nothing stays on this machine.");
  return { vlanGapMs, vxlanGapMs, routedGapMs };
}

class Story {
  readonly #lab: Lab;
  readonly #platform: Platform;
  readonly #print: (line: string) => void;
  readonly #signal: AbortSignal;

  constructor(lab: Lab, platform: Platform, { print, signal }: DemoOptions) {
    this.#lab = lab;
    this.#platform = platform;
    this.#print = print;
    this.#signal = signal;
  }

  /** From the router's side: the company's network sees the container move. */
  async vlan(): Promise<number> {
    await this.#network("web", ["--kind", "vlan", "--vlan", "100", "--subnet", "10.20.0.0/16"]);
    const address = await this.#claim("redis-0", "web");
    const [first, second] = this.#hosts();
    await this.#start(first, "redis-0", "web", address);
    const before = await addressOf(first, "redis-0", "web", this.#signal);
    await this.#shows("the router", await this.#routerReaches(address), address);
    await this.#peersReach("web", address);
    await using pings = await startPingStream({ space: this.#lab.router }, address, this.#signal);
    await this.#move({ name: "redis-0", network: "web", address });
    await this.#same(second, "redis-0", "web", before);
    await this.#shows("the router", await this.#routerReaches(address), address);
    await this.#peersReach("web", address);
    return (await pings.gap(this.#signal)).longestGapMs;
  }

  /** From another container's side: the overlay follows. */
  async vxlan(): Promise<number> {
    const place = { identity: "mysql-0", network: "cache" };
    return await this.#followed(place, ["--kind", "vxlan", "--subnet", "10.30.0.0/24"]);
  }

  /** The same where the hosts' kernels route, and no switch has a part in it. */
  async routed(): Promise<number> {
    const place = { identity: "kafka-0", network: "events" };
    return await this.#followed(place, ["--kind", "routed", "--subnet", "10.40.0.0/24"]);
  }

  async #followed(
    { identity, network }: { readonly identity: string; readonly network: string },
    kind: readonly string[],
  ): Promise<number> {
    await this.#network(network, kind);
    const address = await this.#claim(identity, network);
    const [first, second] = this.#hosts();
    await this.#start(first, identity, network, address);
    const before = await addressOf(first, identity, network, this.#signal);
    await this.#peersReach(network, address);
    const inside = await first.containerPid(`${network}-peer-1`, this.#signal);
    await using pings = await startPingStream({ space: first, inside }, address, this.#signal);
    await this.#move({ name: identity, network, address });
    await this.#same(second, identity, network, before);
    await this.#peersReach(network, address);
    return (await pings.gap(this.#signal)).longestGapMs;
  }

  #hosts(): readonly [LabHost, LabHost] {
    return [this.#lab.host(1), this.#lab.host(2)];
  }

  async #network(name: string, flags: readonly string[]): Promise<void> {
    this.#print("");
    await this.#command(["network", "create", name, ...flags]);
    await Promise.all(this.#hosts().map(async (host) => await dockerNetwork(host, name, this.#signal)));
    for (const host of this.#hosts()) {
      await runContainer(host, { name: `${name}-peer-${host.number}`, network: name }, this.#signal);
    }
  }

  async #claim(identity: string, network: string): Promise<string> {
    const line = await this.#command(["claim", "create", identity, "--network", network]);
    this.#print(`  ${line.trim()}`);
    return line.trim().split(/\s+/)[1] ?? "";
  }

  async #command(words: readonly string[]): Promise<string> {
    this.#print(`$ holdfast ${words.join(" ")}`);
    return await this.#platform.command(words, this.#signal);
  }

  async #start(host: LabHost, name: string, network: string, address: string): Promise<void> {
    this.#print(`${host.name}$ docker run -d --name ${name} --network ${network} --ip ${address} …`);
    await runContainer(host, { name, network, address }, this.#signal);
  }

  async #move(container: { readonly name: string; readonly network: string; readonly address: string }): Promise<void> {
    const { name, network, address } = container;
    const [from, to] = this.#hosts();
    this.#print(`${from.name}$ docker rm -f ${name}        (a ping to ${address} never stops)`);
    await removeContainer(from, name, this.#signal);
    await this.#start(to, name, network, address);
  }

  async #same(host: LabHost, name: string, network: string, before: { address: string; mac: string }): Promise<void> {
    const after = await addressOf(host, name, network, this.#signal);
    if (after.address !== before.address || after.mac !== before.mac) {
      throw new HoldfastError(
        "internal",
        `${name} was ${before.address} ${before.mac} and is ${after.address} ${after.mac}`,
      );
    }
    this.#print(`  ${name} is on ${host.name} now: ${after.address} ${after.mac}, as before`);
  }

  async #routerReaches(address: string): Promise<boolean> {
    const ping = ["ping", "-c", "1", "-W", "2", address];
    return (await this.#lab.router.tryExec(ping, { signal: this.#signal })).code === 0;
  }

  async #peersReach(network: string, address: string): Promise<void> {
    for (const host of this.#hosts()) {
      const peer = `${network}-peer-${host.number}`;
      const reached = await answersFrom(host, peer, address, this.#signal);
      await this.#shows(`a container on ${host.name}`, reached, address);
    }
  }

  #shows(who: string, reached: boolean, address: string): Promise<void> {
    if (!reached) return Promise.reject(new HoldfastError("internal", `${address} does not answer ${who}`));
    this.#print(`  ${address} answers ${who}`);
    return Promise.resolve();
  }
}

function milliseconds(value: number): string {
  return `${Math.round(value)} ms`;
}
