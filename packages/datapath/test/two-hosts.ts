import type { AttachedPort, DatapathDriver, EndpointWiring } from "../src/driver.ts";
import type { OvsDriverOptions } from "../src/drivers/ovs/options.ts";
import { asRemote, network, on, wiring } from "../src/testing/parties.ts";
import { Fabric, Host, type Sandbox } from "./fabric.ts";

export const VLAN = network("n7", "vlan", 100);
export const VXLAN = network("n8", "vxlan", 4711, { prefixes: ["10.30.0.0/24", "fd00:30::/64"] });
/** Another tenant with the same addresses. */
export const RIVAL = network("n9", "vxlan", 4712, { tenant: "rival", prefixes: ["10.30.0.0/24", "fd00:30::/64"] });

export interface Member {
  readonly host: number;
  readonly wiring: EndpointWiring;
  readonly port: AttachedPort;
  readonly sandbox: Sandbox;
}

/** Two machines at a company's switch, with a router in VLAN 100. */
export class TwoHosts implements AsyncDisposable {
  readonly fabric: Fabric;
  readonly hosts: readonly [Host, Host];
  readonly drivers: DatapathDriver[] = [];
  readonly members = new Map<string, Member>();
  readonly signal = AbortSignal.timeout(85_000);
  readonly #undo: AsyncDisposableStack;

  private constructor(fabric: Fabric, hosts: readonly [Host, Host], undo: AsyncDisposableStack) {
    this.fabric = fabric;
    this.hosts = hosts;
    this.#undo = undo;
  }

  /** With bridges: what leaves a machine by an ifb arrives. */
  static async start({ bridges = false } = {}): Promise<TwoHosts> {
    await using undo = new AsyncDisposableStack();
    const fabric = undo.use(await Fabric.start());
    await fabric.leg(100, on("10.20.0.1/24"), on("fd00:20::1/64"));
    const hosts = [undo.use(await Host.start()), undo.use(await Host.start())] as const;
    for (const host of hosts) {
      await fabric.join(host);
      if (bridges) await fabric.putBridgeBefore();
    }
    const world = new TwoHosts(fabric, hosts, undo.move());
    for (const index of [0, 1]) {
      await world.open(index);
      await world.drivers[index]?.synced(world.signal);
    }
    return world;
  }

  static tunnel(index: number): string {
    return `192.168.50.${11 + index}`;
  }

  /** Opens the driver of a machine and tells it all there is, as a restarted agent does. */
  async open(index: number, options: Partial<OvsDriverOptions> = {}): Promise<DatapathDriver> {
    const tunnelAddress = `${TwoHosts.tunnel(index)}/24`;
    const host = this.hosts[index === 0 ? 0 : 1];
    const driver = await host.open({ node: `node-${index}`, uplink: "eth1", tunnelAddress, ...options });
    this.drivers[index] = driver;
    for (const net of [VLAN, VXLAN, RIVAL]) driver.setNetwork(net);
    for (const member of this.members.values()) {
      if (member.host === index) await driver.attach(member.wiring, this.signal);
      else if (member.wiring.network !== "n7") driver.setRemote(asRemote(member.wiring, TwoHosts.tunnel(member.host)));
    }
    return driver;
  }

  /** Attaches an endpoint to a machine, in a sandbox of its own, and tells the others. */
  async place(index: number, name: string, net: string, last: number): Promise<Member> {
    const [prefix4, prefix6] = net === "n7" ? ["10.20.0", "fd00:20:"] : ["10.30.0", "fd00:30:"];
    const [v4, v6] = [`${prefix4}.${last}`, `${prefix6}:${last}`];
    const endpoint = wiring(name, net, [v4, v6]);
    const port = await this.driver(index).attach(endpoint, this.signal);
    const host = this.hosts[index === 0 ? 0 : 1];
    const sandbox = this.#undo.use(await host.plug(port, [on(`${v4}/24`), on(`${v6}/64`)]));
    const member = { host: index, wiring: endpoint, port, sandbox };
    this.members.set(name, member);
    if (net !== "n7") this.driver(1 - index).setRemote(asRemote(endpoint, TwoHosts.tunnel(index)));
    return member;
  }

  /** Publishes TCP port 80 of a member on its machine. */
  async publish(name: string, hostPort: number): Promise<void> {
    const member = this.member(name);
    const ports = [{ protocol: "tcp" as const, hostPort, containerPort: 80 }];
    const wiring = { ...member.wiring, ports };
    this.members.set(name, { ...member, wiring });
    await this.driver(member.host).attach(wiring, this.signal);
  }

  driver(index: number): DatapathDriver {
    const driver = this.drivers[index];
    if (driver === undefined) throw new TypeError(`machine ${index} has no driver`);
    return driver;
  }

  member(name: string): Member {
    const member = this.members.get(name);
    if (member === undefined) throw new TypeError(`there is no ${name}`);
    return member;
  }

  at(name: string): Sandbox {
    return this.member(name).sandbox;
  }

  /** Ends with the world, before its machines. */
  keep<T extends AsyncDisposable>(part: T): T {
    return this.#undo.use(part);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const driver of this.drivers) await driver.close();
    await this.#undo.disposeAsync();
  }
}
