import type { DatapathDriver, EndpointWiring } from "../../src/driver.ts";
import { asRemote, network, on, routed, wiring } from "../../src/testing/parties.ts";
import type { Sandbox } from "../fabric.ts";
import { Traffic } from "../traffic.ts";
import { Machine } from "./machine.ts";

/** An endpoint on the machine behind the line. */
export const FAR = "10.20.1.5";
const ADDRESSES = ["192.168.50.11", "192.168.50.12"] as const;
const NETWORK = routed(network("n7", "vlan", 100, { prefixes: ["10.20.0.0/16"] }));
const PORT = 7200;
/** Each veth's packets on one processor (RPS): by itself the kernel takes that of the sender, and packets overtake each other when a sender moves to another one. */
const STEER = "mount -t sysfs none /sys && for cpus in /sys/class/net/*/queues/rx-0/rps_cpus; do echo 1 >$cpus; done";

export interface Line {
  /** Bits per second. Behind it is the buffer of a switch: 100 ms. */
  readonly line: number;
  /** What the driver is told that the line carries: a bit less, so that what waits, waits where it can be put into order. */
  readonly rate: number;
}

export interface Carried {
  readonly bytes: number;
  readonly drops: number;
  readonly backlog: number;
}

/** A machine that sends all it has over one line. */
export class UplinkWorld implements AsyncDisposable {
  readonly machine: Machine;
  driver: DatapathDriver;
  /** Behind the line, at `FAR`. */
  readonly target: Sandbox;
  readonly #other: Machine;
  readonly #far: EndpointWiring;
  readonly #there: DatapathDriver;
  readonly #rate: number;
  #undo = new AsyncDisposableStack();

  private constructor(
    parts: Pick<UplinkWorld, "machine" | "driver" | "target">,
    { other, far, there, rate }: { other: Machine; far: EndpointWiring; there: DatapathDriver; rate: number },
  ) {
    ({ machine: this.machine, driver: this.driver, target: this.target } = parts);
    [this.#other, this.#far, this.#there, this.#rate] = [other, far, there, rate];
  }

  static async start({ line, rate }: Line): Promise<UplinkWorld> {
    await using undo = new AsyncDisposableStack();
    const other = undo.use(await Machine.start());
    const machine = undo.use(await Machine.start());
    await machine.kernel.createVeth({ name: "eth0", peer: "cable", mtu: 1500, up: true });
    await machine.kernel.setLink("cable", { namespace: other.path });
    await other.kernel.setLink("cable", { name: "eth0", up: true });
    const shape = ["rate", `${line}bit`, "burst", "16kb", "limit", String(line / 80)];
    await machine.sandbox.exec("tc", "qdisc", "add", "dev", "eth0", "root", "tbf", ...shape);
    for (const [index, each] of [machine, other].entries()) {
      await each.kernel.replaceAddress({ link: "eth0", ...on(`${ADDRESSES[index]}/24`) });
    }
    const there = await other.open();
    undo.defer(() => there.close());
    there.setNetwork(NETWORK);
    const far = wiring("far", "n7", [FAR]);
    const target = await other.plug(await there.attach(far, signal()), far.addresses);
    const driver = await UplinkWorld.#driver(machine, far, rate);
    const world = new UplinkWorld({ machine, driver, target }, { other, far, there, rate });
    undo.defer(() => world.driver.close());
    await Promise.all([driver.synced(signal()), there.synced(signal())]);
    const sink = undo.use(Traffic.start(target.path, "tcp-sink", FAR, PORT));
    await sink.next();
    world.#undo = undo.move();
    return world;
  }

  static async #driver(machine: Machine, far: EndpointWiring, rate: number): Promise<DatapathDriver> {
    const driver = await machine.open({ guaranteesOn: { link: "eth0", rate } });
    driver.setNetwork(NETWORK);
    driver.setRemote(asRemote(far, ADDRESSES[1]));
    return driver;
  }

  /** Another driver in the place of the one before: an agent that was started again. */
  async restart(): Promise<void> {
    await this.driver.close();
    this.driver = await UplinkWorld.#driver(this.machine, this.#far, this.#rate);
  }

  /** From here on nothing but the uplink changes the order of packets. */
  async keepOrder(): Promise<void> {
    for (const each of [this.machine.sandbox, this.#other.sandbox, this.target]) {
      await each.exec("unshare", "--mount", "sh", "-c", STEER);
    }
  }

  async place(endpoint: EndpointWiring): Promise<Sandbox> {
    this.#there.setRemote(asRemote(endpoint, ADDRESSES[0]));
    await this.#there.synced(signal());
    return await this.machine.plug(await this.driver.attach(endpoint, signal()), endpoint.addresses);
  }

  /** Sends all it can over the line, until it is disposed of. */
  async flood(from: Sandbox): Promise<AsyncDisposable> {
    const flood = Traffic.start(from.path, "tcp-flood", FAR, PORT, 4);
    await flood.next();
    return flood;
  }

  /** What has gone over the line, what its buffer had no room for, and what is in it: bytes, packets, bytes. */
  async carried(): Promise<Carried> {
    const text = await this.machine.sandbox.exec("tc", "-s", "-j", "qdisc", "show", "dev", "eth0", "root");
    const [line] = JSON.parse(text) as readonly Carried[];
    if (line === undefined) throw new TypeError("the line is gone");
    return line;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#undo.disposeAsync();
  }
}

export function signal(): AbortSignal {
  return AbortSignal.timeout(20_000);
}
