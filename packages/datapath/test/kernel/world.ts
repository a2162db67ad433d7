import { Name } from "@holdfast/core";
import type { RemoteEndpoint, WiredNetwork } from "@holdfast/model";
import type { AttachedPort, DatapathDriver, EndpointWiring } from "../../src/index.ts";
import { asRemote, network, on, routed, wiring } from "../../src/testing/parties.ts";
import type { Sandbox } from "../fabric.ts";
import { Machine } from "./machine.ts";

/** Two networks of one tenant and one of another. */
export const NETWORKS: readonly WiredNetwork[] = [
  routed(network("n7", "vlan", 100)),
  routed(network("n8", "vlan", 101, { prefixes: ["10.21.0.0/24"] })),
  {
    ...routed(network("n9", "vlan", 102, { prefixes: ["10.30.0.0/24", "fd00:30::/64"] })),
    tenant: Name.parse("rival"),
  },
];

export interface Placed {
  readonly wiring: EndpointWiring;
  readonly port: AttachedPort;
  readonly sandbox: Sandbox;
}

/** A machine with its driver, reached by others at its address. */
export interface Host {
  readonly machine: Machine;
  readonly address: string;
  driver: DatapathDriver;
}

/** Two machines with a cable between them, and endpoints. */
export class World implements AsyncDisposable {
  readonly hosts: readonly [Host, Host];
  readonly #undo: AsyncDisposableStack;

  private constructor(hosts: readonly [Host, Host], undo: AsyncDisposableStack) {
    this.hosts = hosts;
    this.#undo = undo;
  }

  static async start(): Promise<World> {
    await using undo = new AsyncDisposableStack();
    const machines = [undo.use(await Machine.start()), undo.use(await Machine.start())] as const;
    const [one, two] = machines;
    await one.kernel.createVeth({ name: "eth0", peer: "cable", mtu: 1500, up: true });
    await one.kernel.setLink("cable", { namespace: two.path });
    await two.kernel.setLink("cable", { name: "eth0", up: true });
    const hosts: Host[] = [];
    for (const [index, machine] of machines.entries()) {
      const address = `192.168.50.1${index + 1}`;
      await machine.kernel.replaceAddress({ link: "eth0", ...on(`${address}/24`) });
      const driver = await machine.open();
      for (const each of NETWORKS) driver.setNetwork(each);
      await driver.synced(AbortSignal.timeout(5000));
      hosts.push({ machine, address, driver });
    }
    const [first, second] = hosts;
    if (first === undefined || second === undefined) throw new TypeError("two machines");
    const world = new World([first, second], undo.move());
    world.#undo.defer(async () => {
      for (const { driver } of world.hosts) await driver.close();
    });
    return world;
  }

  /** Starts an endpoint, and tells the other machine where it is. */
  async place(index: 0 | 1, endpoint: EndpointWiring): Promise<Placed> {
    const host = this.hosts[index];
    const port = await host.driver.attach(endpoint, AbortSignal.timeout(5000));
    this.hosts[index === 0 ? 1 : 0].driver.setRemote(asRemote(endpoint, host.address));
    const sandbox = await host.machine.plug(port, endpoint.addresses);
    return { wiring: endpoint, port, sandbox };
  }

  /** As a restarted agent does. */
  async restart(index: 0 | 1, endpoints: readonly EndpointWiring[], remotes: readonly RemoteEndpoint[]): Promise<void> {
    const host = this.hosts[index];
    await host.driver.close();
    host.driver = await host.machine.open();
    for (const each of NETWORKS) host.driver.setNetwork(each);
    for (const each of remotes) host.driver.setRemote(each);
    for (const each of endpoints) await host.driver.attach(each, AbortSignal.timeout(5000));
    await host.driver.synced(AbortSignal.timeout(5000));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo.disposeAsync();
  }
}

export { wiring };
