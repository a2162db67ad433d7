import { createClient, type FetchLike } from "@holdfast/client";
import { IpAddress, MacAddress, Name, silentLogger } from "@holdfast/core";
import type { DatapathDriver, PortEvent } from "@holdfast/datapath";
import { type Agent, startAgent } from "../../packages/agent/src/agent.ts";
import { FakeDriver } from "../../packages/agent/src/testing/fake-driver.ts";
import { Disk } from "./disk.ts";
import { never, SimulatedProcess, type WallClock } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Way } from "./transport.ts";

const NODE_REPORT = { version: "simulated", labels: {} };
const TIMES = { beatMilliseconds: 4000, reservationTimeoutMilliseconds: 15_000, feedSilenceMilliseconds: 12_000 };

/** Addresses that a machine outside has; worlds in which nobody asks do not notice. */
export const OUTSIDE = ["10.20.0.3", "10.20.0.5", "fd00:20::4"].map((address) => IpAddress.parse(address));
const PRINTER = MacAddress.parse("52:54:00:00:00:09");

/** One machine: its disk, its data path, its way to the controllers, and the lives of its agent. */
export class Machine {
  readonly name: Name;
  readonly way: Way = { cut: false };
  readonly wall: WallClock = { offset: 0 };
  readonly driver = new FakeDriver();
  /** Endpoints whose interface is up in its sandbox. */
  readonly #up = new Set<string>();
  readonly disk: Disk;
  agent: Agent | undefined;
  process: SimulatedProcess | undefined;
  /** When a controller last said yes to something that it asked, by the simulation's time; undefined: never. */
  lastServed: number | undefined;
  readonly #scheduler: Scheduler;
  readonly #fetchOf: (process: SimulatedProcess, way: Way) => FetchLike;
  #lives = 0;
  #names = 0;

  constructor(name: string, scheduler: Scheduler, fetchOf: (process: SimulatedProcess, way: Way) => FetchLike) {
    this.name = Name.parse(name);
    this.#scheduler = scheduler;
    this.#fetchOf = fetchOf;
    this.disk = new Disk(scheduler);
    for (const address of OUTSIDE) this.driver.outside.set(address, PRINTER);
  }

  startAgent(): void {
    const process = new SimulatedProcess(this.#scheduler, `${this.name}.${++this.#lives}`, this.wall);
    this.process = process;
    const client = createClient({ fetch: this.#fetchOf(process, this.way) }, { server: "http://controllers" });
    const driver = driverOf(process, this.driver, () => [...this.#up]);
    this.driver.before = (what, endpoint) => process.event(`${what} ${endpoint}`);
    const { clock } = process;
    const dependencies = { store: this.disk.open(process), client, driver, clock, logger: silentLogger };
    const chance = { nonce: () => this.#nonce(), random: this.#scheduler.random };
    startAgent({ ...dependencies, ...chance }, { node: this.name, report: NODE_REPORT, ...TIMES }).then(
      (agent) => {
        if (!process.ended) this.agent = agent;
      },
      () => this.killAgent(),
    );
  }

  /** The agent's process ends. What is wired stays wired. */
  killAgent(): void {
    this.process?.kill();
    this.process = undefined;
    this.agent = undefined;
    this.driver.outliveAgent();
  }

  /** Addresses that its containers can be reached at, with the endpoint and its epoch. */
  *onWire(): Iterable<{ readonly address: string; readonly endpoint: string; readonly epoch: number }> {
    for (const { id, addresses, epoch } of this.driver.attached.values()) {
      for (const address of addresses) yield { address, endpoint: id, epoch };
    }
  }

  /** Something happens to an interface. */
  emit(event: PortEvent): void {
    if (event.state === "up") this.#up.add(event.endpoint);
    else this.#up.delete(event.endpoint);
    this.driver.emit(event);
  }

  #nonce(): string {
    const machine = this.name.replace(/\D/g, "");
    return `${machine}${String(++this.#names).padStart(15, "0")}`;
  }
}

/** The machine's data path as one life of its agent has it. */
function driverOf(process: SimulatedProcess, driver: FakeDriver, up: () => readonly string[]): DatapathDriver {
  const alive = <T>(work: () => Promise<T>): Promise<T> => (process.ended ? never() : work());
  return {
    setNetwork: (network) => void (process.ended || driver.setNetwork(network)),
    removeNetwork: (id) => void (process.ended || driver.removeNetwork(id)),
    setRemote: (remote) => void (process.ended || driver.setRemote(remote)),
    removeRemote: (id) => void (process.ended || driver.removeRemote(id)),
    setRemoteBlock: (block) => void (process.ended || driver.setRemoteBlock(block)),
    removeRemoteBlock: (id) => void (process.ended || driver.removeRemoteBlock(id)),
    setOwnBlock: (block) => void (process.ended || driver.setOwnBlock(block)),
    removeOwnBlock: (id) => void (process.ended || driver.removeOwnBlock(id)),
    attach: (endpoint) => alive(() => driver.attach(endpoint)),
    detach: (endpoint) => alive(() => driver.detach(endpoint)),
    announce: (endpoint) => alive(() => driver.announce(endpoint)),
    probe: (question) =>
      alive(async () => {
        await process.event(`ask for ${question.addresses.join(" and ")}`);
        return await driver.probe(question);
      }),
    synced: () => alive(() => driver.synced()),
    async *watch(signal) {
      for (const endpoint of up()) yield { endpoint, state: "up" };
      yield* driver.watch(AbortSignal.any([signal, process.end]));
    },
    inventory: () => alive(() => driver.inventory()),
    status: () => driver.status(),
    close: () => driver.close(),
  };
}
