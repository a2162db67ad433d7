import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type IpAddress, silentLogger } from "@holdfast/core";
import { createKernel, deleteNamespace, type Kernel } from "@holdfast/netlink";
import { createTestNamespace } from "@holdfast/netlink/testing";
import { type RunningOvs, startOvs } from "@holdfast/ovsdb/testing";
import type { AttachedPort, DatapathDriver } from "../src/driver.ts";
import { type OpenOvsOptions, openOvsDriver } from "../src/drivers/ovs/open.ts";

const run = promisify(execFile);

/** A namespace that stands for a container or a machine. */
export class Sandbox implements AsyncDisposable {
  readonly path: string;
  readonly kernel: Kernel;
  constructor(path: string, kernel: Kernel) {
    this.path = path;
    this.kernel = kernel;
  }

  /** Runs a program inside; gives what it printed. */
  async exec(program: string, ...args: string[]): Promise<string> {
    return (await run("nsenter", [`--net=${this.path}`, "--", program, ...args], { maxBuffer: 2 ** 26 })).stdout;
  }

  /** How many of `count` pings were answered, 10 ms apart. */
  async ping(address: string, count = 2): Promise<number> {
    const args = ["-n", "-q", "-c", String(count), "-i", "0.01", "-W", "1", address];
    const text = await this.exec("ping", ...args).catch((error: { stdout?: string }) => error.stdout ?? "");
    return Number(/(\d+) received/.exec(text)?.[1] ?? -1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kernel.close();
    await deleteNamespace(this.path);
  }
}

export async function createSandbox(): Promise<Sandbox> {
  const { path } = await createTestNamespace();
  const root = await createKernel();
  const kernel = await root.enter(path);
  await root.close();
  await kernel.setLink("lo", { up: true });
  return new Sandbox(path, kernel);
}

/** A machine with a switch of its own, and the drivers that were opened on it. */
export class Host implements AsyncDisposable {
  readonly ovs: RunningOvs;
  readonly kernel: Kernel;
  readonly path: string;
  readonly #undo = new AsyncDisposableStack();

  private constructor(ovs: RunningOvs, kernel: Kernel) {
    this.ovs = ovs;
    this.kernel = kernel;
    this.path = ovs.namespace.startsWith("/") ? ovs.namespace : `/run/netns/${ovs.namespace}`;
    this.#undo.defer(() => ovs.stop());
    this.#undo.defer(() => kernel.close());
  }

  static async start(): Promise<Host> {
    const ovs = await startOvs();
    const root = await createKernel();
    const kernel = await root.enter(`/run/netns/${ovs.namespace}`);
    await root.close();
    return new Host(ovs, kernel);
  }

  /** Most machines are made for one test, and to plug and to unplug a spare takes a while: few wait unless a test says otherwise. */
  open(options: Partial<OpenOvsOptions> = {}): Promise<DatapathDriver> {
    return openOvsDriver({
      node: "node-1",
      spares: 4,
      datapathType: "auto",
      runDirectory: this.ovs.rundir,
      logger: silentLogger,
      namespace: this.path,
      signal: AbortSignal.timeout(20_000),
      ...options,
    });
  }

  /** What a runtime does with an attached interface: moves it into a new sandbox and gives it addresses. */
  async plug(
    port: AttachedPort,
    addresses: readonly { address: IpAddress; length: number }[],
    gateway?: IpAddress,
  ): Promise<Sandbox> {
    const sandbox = await createSandbox();
    const link = port.containerInterface;
    await this.kernel.setLink(link, { namespace: sandbox.path });
    for (const address of addresses) await sandbox.kernel.replaceAddress({ link, ...address });
    await sandbox.kernel.setLink(link, { up: true });
    if (gateway !== undefined)
      await sandbox.kernel.replaceRoute({ prefix: "0.0.0.0/0", nextHop: gateway, protocol: 4 });
    return sandbox;
  }

  flows(bridge = "hf-int"): Promise<string> {
    return this.ovs.exec("ovs-ofctl", "-O", "OpenFlow14", "dump-flows", this.ovs.managementSocket(bridge));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo.disposeAsync();
  }
}

/** The company's network: a learning switch with VLANs, a router's leg in some of them, and machines at its ports. */
export class Fabric implements AsyncDisposable {
  readonly #host: Host;
  #ports = 0;

  private constructor(host: Host) {
    this.#host = host;
  }

  static async start(): Promise<Fabric> {
    const host = await Host.start();
    await host.ovs.exec("ovs-vsctl", "add-br", "sw", "--", "set", "bridge", "sw", "datapath_type=netdev");
    return new Fabric(host);
  }

  get switch(): Host {
    return this.#host;
  }

  /** Gives the machine a trunk interface `eth1`. */
  async join(host: Host): Promise<void> {
    const name = `p${++this.#ports}`;
    const { kernel, ovs } = this.#host;
    await kernel.createVeth({ name, peer: `${name}x`, mtu: 1600, up: true });
    for (const end of [name, `${name}x`]) await kernel.disableOffloads(end);
    await kernel.setLink(`${name}x`, { namespace: host.path });
    await host.kernel.setLink(`${name}x`, { name: "eth1", up: true });
    await ovs.exec("ovs-vsctl", "add-port", "sw", name);
  }

  /**
   * Puts a bridge of the kernel between the machine that joined last and the switch. The kernel shows nobody who taps a veth's end what comes straight from an
   * ifb behind it, and the switch reads its ports by taps.
   */
  async putBridgeBefore(): Promise<void> {
    const name = `p${this.#ports}`;
    const [bridge, inner] = [`${name}b`, `${name}i`];
    const { kernel, ovs } = this.#host;
    await ovs.exec("ovs-vsctl", "del-port", "sw", name);
    await kernel.createVeth({ name: inner, peer: `${name}o`, mtu: 1600, up: true });
    await ovs.exec("ip", "link", "add", bridge, "mtu", "1600", "type", "bridge", "mcast_snooping", "0");
    for (const end of [name, inner]) await ovs.exec("ip", "link", "set", end, "master", bridge);
    for (const end of [inner, `${name}o`]) await kernel.disableOffloads(end);
    for (const end of [bridge, `${name}o`]) await kernel.setLink(end, { up: true });
    await ovs.exec("ovs-vsctl", "add-port", "sw", `${name}o`);
  }

  /** A leg of the router in a VLAN, in the switch's own namespace. */
  async leg(vlan: number, ...addresses: { address: IpAddress; length: number }[]): Promise<string> {
    const link = `r${vlan}`;
    const { kernel, ovs } = this.#host;
    await ovs.exec("ovs-vsctl", "add-port", "sw", link, `tag=${vlan}`, "--", "set", "interface", link, "type=internal");
    await kernel.setLink(link, { up: true });
    for (const address of addresses) await kernel.replaceAddress({ link, ...address });
    return link;
  }

  /** The router leads from each leg to the others. */
  async route(): Promise<void> {
    for (const name of ["ipv4.ip_forward", "ipv6.conf.all.forwarding"]) {
      await this.#host.ovs.exec("sysctl", "-qw", `net.${name}=1`);
    }
  }

  async ping(address: string, count = 2): Promise<number> {
    return new Sandbox(this.#host.path, this.#host.kernel).ping(address, count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#host[Symbol.asyncDispose]();
  }
}
