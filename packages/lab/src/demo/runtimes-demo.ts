import { setTimeout as pause } from "node:timers/promises";
import { HoldfastError, VlanId } from "@holdfast/core";
import { addressOf, dockerNetwork, removeContainer, runContainer } from "../containers.ts";
import { type Cri, createCri, type Pod } from "../cri/cri.ts";
import type { LabHost } from "../host.ts";
import { createLab, type Lab } from "../lab.ts";
import { startPingStream } from "../measure/stream.ts";
import { type Platform, startPlatform } from "../platform.ts";
import type { DemoOptions } from "./demo.ts";

/** The longest time without an answer while the identity changed its runtime, in milliseconds. */
export interface RuntimesDemoResult {
  readonly toPodGapMs: number;
  readonly toDockerGapMs: number;
}

/** Of Debian's package containernetworking-plugins: containerd sets every pod's loopback up by it. */
const LOOPBACK = "/usr/lib/cni/loopback";
const IDENTITY = "redis-0";

/**
 * One identity moves from a Docker container on one host to a pod of containerd on another, and back, with address and MAC, while the router
 * pings it. Everything is gone afterwards.
 */
export async function runRuntimesDemo(options: DemoOptions): Promise<RuntimesDemoResult> {
  const { print, signal, logger, command } = options;
  print("Two hosts: Docker runs containers on one, containerd runs pods on the other, as kubelet asks it to.");
  const vlans = [{ vlan: VlanId.parse(100), gateways: ["10.20.0.1/16"] }];
  await using lab = await createLab({ logger }, { name: `demo-${process.pid}`, hosts: 2, vlans, cri: true, signal });
  await using platform = await startPlatform(lab, { command, signal });
  const story = new Story(lab, platform, options);
  const address = await story.begin();
  const toPodGapMs = await story.toPod(address);
  const toDockerGapMs = await story.toDocker(address);
  await story.explain(address);
  print("");
  const gaps = [toPodGapMs, toDockerGapMs].map((gap) => `${Math.round(gap)} ms`);
  print(`Moved with the same address and MAC: to a pod ${gaps[0]}, back to Docker ${gaps[1]} without an answer.`);
  print("The lab goes away now; nothing stays on this machine.");
  return { toPodGapMs, toDockerGapMs };
}

class Story {
  readonly #lab: Lab;
  readonly #platform: Platform;
  readonly #command: readonly string[];
  readonly #print: (line: string) => void;
  readonly #signal: AbortSignal;
  #mac = "";
  #pod = "";

  constructor(lab: Lab, platform: Platform, { print, signal, command }: DemoOptions) {
    this.#lab = lab;
    this.#platform = platform;
    this.#command = command;
    this.#print = print;
    this.#signal = signal;
  }

  /** Runs the identity in Docker; gives its address. */
  async begin(): Promise<string> {
    await this.#holdfast("network create web --kind vlan --vlan 100 --subnet 10.20.0.0/16");
    const claim = (await this.#holdfast(`claim create ${IDENTITY} --network web`)).trim();
    this.#print(`  ${claim}`);
    const [, address = "", mac = ""] = claim.split(/\s+/);
    this.#mac = mac;
    await dockerNetwork(this.#docker, "web", this.#signal);
    this.#print(`${this.#kubernetes.name}$ holdfast cni install --network web`);
    const install = [...this.#command, "cni", "install", "--network", "web"];
    await this.#kubernetes.exec(install, { signal: this.#signal });
    await this.#kubernetes.exec(["ln", "-s", LOOPBACK, "/opt/cni/bin/loopback"], { signal: this.#signal });
    await networkReady(createCri(this.#lab, this.#kubernetes), this.#signal);
    await this.#runInDocker(address);
    await this.#reached(address);
    return address;
  }

  async toPod(address: string): Promise<number> {
    this.#print("");
    this.#print(`${this.#docker.name}$ docker rm -f ${IDENTITY}        (a ping to ${address} never stops)`);
    await using pings = await startPingStream({ space: this.#lab.router }, address, this.#signal);
    await removeContainer(this.#docker, IDENTITY, this.#signal);
    const pod: Pod = { name: IDENTITY, namespace: "prod", annotations: { "holdfast.io/identity": IDENTITY } };
    this.#print(
      `${this.#kubernetes.name}: RunPodSandbox prod/${IDENTITY}, annotation holdfast.io/identity: ${IDENTITY}`,
    );
    const cri = createCri(this.#lab, this.#kubernetes);
    this.#pod = await cri.runPodSandbox(pod);
    await this.#same(
      `a pod on ${this.#kubernetes.name}`,
      await cri.podAddress(this.#pod),
      await this.#podMac(),
      address,
    );
    return (await pings.gap(this.#signal)).longestGapMs;
  }

  async toDocker(address: string): Promise<number> {
    this.#print("");
    this.#print(`${this.#kubernetes.name}: StopPodSandbox        (a ping to ${address} never stops)`);
    await using pings = await startPingStream({ space: this.#lab.router }, address, this.#signal);
    const cri = createCri(this.#lab, this.#kubernetes);
    await cri.stopPodSandbox(this.#pod);
    await this.#runInDocker(address);
    const { address: own, mac } = await addressOf(this.#docker, IDENTITY, "web", this.#signal);
    await this.#same(`a container on ${this.#docker.name}`, own, mac, address);
    const { longestGapMs } = await pings.gap(this.#signal);
    await cri.removePodSandbox(this.#pod);
    return longestGapMs;
  }

  async explain(address: string): Promise<void> {
    this.#print("");
    for (const line of (await this.#holdfast(`ip explain ${address}`)).trimEnd().split("\n")) this.#print(`  ${line}`);
  }

  get #docker(): LabHost {
    return this.#lab.host(1);
  }

  get #kubernetes(): LabHost {
    return this.#lab.host(2);
  }

  async #holdfast(line: string): Promise<string> {
    this.#print(`$ holdfast ${line}`);
    return await this.#platform.command(line.split(" "), this.#signal);
  }

  async #runInDocker(address: string): Promise<void> {
    this.#print(`${this.#docker.name}$ docker run -d --name ${IDENTITY} --network web --ip ${address} …`);
    await runContainer(this.#docker, { name: IDENTITY, network: "web", address }, this.#signal);
  }

  /** As the kernel of the host has it in the pod's namespace, the only one there. */
  async #podMac(): Promise<string> {
    const script = "ip -n $(ls /run/netns) -o link show eth0";
    const { stdout } = await this.#kubernetes.exec(["sh", "-c", script], { signal: this.#signal });
    return /link\/ether (\S+)/.exec(stdout)?.[1] ?? "";
  }

  async #same(what: string, address: string, mac: string, wanted: string): Promise<void> {
    if (address !== wanted || mac !== this.#mac) {
      const text = `${IDENTITY} was ${wanted} ${this.#mac} and is ${address} ${mac} as ${what}`;
      throw new HoldfastError("internal", text);
    }
    await this.#reached(address);
    this.#print(`  ${IDENTITY} is ${what} now: ${address} ${mac}, as before`);
  }

  async #reached(address: string): Promise<void> {
    const ping = ["ping", "-c", "1", "-W", "2", address];
    const { code } = await this.#lab.router.tryExec(ping, { signal: this.#signal });
    if (code !== 0) throw new HoldfastError("internal", `${address} does not answer the router`);
    this.#print(`  ${address} answers the router`);
  }
}

/** containerd looks at the folder of configurations by itself; nobody is told when it has. */
async function networkReady(cri: Cri, signal: AbortSignal): Promise<void> {
  for (let wait = 5; !(await cri.isNetworkReady()); wait = Math.min(wait * 2, 100))
    await pause(wait, undefined, { signal });
}
