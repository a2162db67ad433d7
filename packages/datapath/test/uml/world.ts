import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import type { AttachedPort, DatapathDriver, EndpointWiring } from "../../src/driver.ts";
import { asRemote, on, wiring } from "../../src/testing/parties.ts";
import { Host, type Sandbox } from "../fabric.ts";
import { RIVAL, VLAN, VXLAN } from "../two-hosts.ts";
import { Company } from "./company.ts";

/** Longer than all steps together, on a slow machine. */
const signal = AbortSignal.timeout(1_800_000);

/** Known to be on the second machine, where nobody has it: only a flow can answer for it. */
export const SILENT = wiring("silent", "n8", ["10.30.0.66", "fd00:30::66"]);

export interface Member {
  readonly machine: Machine;
  readonly wiring: EndpointWiring;
  readonly port: AttachedPort;
  readonly sandbox: Sandbox;
}

export interface Machine {
  readonly index: number;
  readonly host: Host;
  readonly tunnelAddress: string;
  driver: DatapathDriver;
}

/** Two machines whose switches forward in the kernel, at a company's network that is not ours. It ends with the guest. */
export class World {
  readonly company: Company;
  readonly machines: readonly [Machine, Machine];
  readonly signal = signal;
  readonly #members = new Map<string, Member>();

  private constructor(company: Company, machines: readonly [Machine, Machine]) {
    this.company = company;
    this.machines = machines;
  }

  static async open(): Promise<World> {
    const company = await Company.start();
    const world = new World(company, [await startMachine(company, 0), await startMachine(company, 1)]);
    const [first, second] = world.machines;
    for (const machine of world.machines) await world.tell(machine);
    await world.#place(first, "vlan-a", "n7", 5);
    await world.#place(first, "vlan-b", "n7", 6);
    await world.#place(second, "vlan-c", "n7", 7);
    await world.#place(first, "vxlan-a", "n8", 5);
    await world.#place(second, "vxlan-b", "n8", 6);
    await world.#place(second, "rival", "n9", 5);
    for (const { driver } of world.machines) await driver.synced(signal);
    return world;
  }

  /** Opens another driver on a machine and tells it all there is, as a restarted agent does. */
  async reopen(machine: Machine): Promise<void> {
    machine.driver = await openDriver(machine);
    await this.tell(machine);
    await machine.driver.synced(signal);
  }

  async tell(machine: Machine): Promise<void> {
    const { driver, index } = machine;
    for (const network of [VLAN, VXLAN, RIVAL]) driver.setNetwork(network);
    driver.setRemote(this.company.stranger);
    if (index === 0) driver.setRemote(asRemote(SILENT, this.machines[1].tunnelAddress));
    for (const member of this.#members.values()) {
      if (member.machine === machine) await driver.attach(member.wiring, signal);
      else if (member.wiring.network !== "n7") {
        driver.setRemote(asRemote(member.wiring, member.machine.tunnelAddress));
      }
    }
  }

  async #place(machine: Machine, name: string, network: string, last: number): Promise<void> {
    const [prefix4, prefix6] = network === "n7" ? ["10.20.0", "fd00:20:"] : ["10.30.0", "fd00:30:"];
    const endpoint = wiring(name, network, [`${prefix4}.${last}`, `${prefix6}:${last}`]);
    const port = await machine.driver.attach(endpoint, signal);
    const addresses = [on(`${prefix4}.${last}/24`), on(`${prefix6}:${last}/64`)];
    const sandbox = await machine.host.plug(port, addresses);
    this.#members.set(name, { machine, wiring: endpoint, port, sandbox });
    const [first, second] = this.machines;
    const other = machine === first ? second : first;
    if (network !== "n7") other.driver.setRemote(asRemote(endpoint, machine.tunnelAddress));
  }

  member(name: string): Member {
    const found = this.#members.get(name);
    assert(found !== undefined, `there is no ${name}`);
    return found;
  }

  at(name: string): Sandbox {
    return this.member(name).sandbox;
  }
}

async function startMachine(company: Company, index: number): Promise<Machine> {
  const machine = { index, host: await Host.start(), tunnelAddress: `192.168.50.${11 + index}` };
  await company.join(machine.host, machine.tunnelAddress);
  return { ...machine, driver: await openDriver(machine) };
}

/** Few spares: to plug one takes a while here. */
async function openDriver({ host, index, tunnelAddress }: Omit<Machine, "driver">): Promise<DatapathDriver> {
  const tunnel = { uplink: "eth1", tunnelAddress: `${tunnelAddress}/24` };
  return await host.open({ node: `node-${index}`, spares: 3, signal, ...tunnel });
}

/** Waits for the first answer: what has just been made may need a moment here; after that none may be lost. */
export async function reaches(from: Sandbox, ...addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    await until(`answer from ${address}`, async () => (await from.ping(address, 1)) === 1);
    assert.equal(await from.ping(address, 3), 3, `answers from ${address}`);
  }
}

export async function getsNoAnswer(from: Sandbox, ...addresses: readonly string[]): Promise<void> {
  for (const address of addresses) assert.equal(await from.ping(address, 2), 0, `answers from ${address}`);
}

export async function until(what: string, probe: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 20_000;
  while (!(await probe())) {
    assert(Date.now() < end, `no ${what} within 20 s`);
    await wait(50);
  }
}
