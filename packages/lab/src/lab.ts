import { mkdir } from "node:fs/promises";
import { HoldfastError, type IpAddress, type Logger, type Name, type VlanId } from "@holdfast/core";
import { CONTROL_ADDRESS, DEFAULT_ADDRESSES, type LabAddresses, nthAddress } from "./addresses.ts";
import { CONTAINERD_IMAGE, importOciImage } from "./containerd.ts";
import { destroyRecorded, sweepLabs } from "./destroy.ts";
import { importImage, startDockerd } from "./dockerd.ts";
import {
  addRouterVlan,
  type FabricSpaces,
  layCables,
  managementPort,
  plugSwitch,
  removeRouterVlan,
  setPorts,
  trunkPort,
} from "./fabric.ts";
import { LabHost } from "./host.ts";
import { createImageArchive } from "./image.ts";
import { createOciArchive } from "./oci-image.ts";
import { OVS_PROCESSES, startOvs } from "./ovs.ts";
import { waitGone } from "./process.ts";
import { createRecord, type LabRecord, labFolder, parseLabName, readRecord, writeRecord } from "./record.ts";
import { createSpace, type LabSpace, openSpace } from "./space.ts";

/** What a lab needs from outside. */
export interface LabDependencies {
  readonly logger: Logger;
}

/** What {@link createLab} is told. */
export interface LabOptions {
  /** A DNS label of at most 32 characters, e.g. `"demo"`; unique on the machine. */
  readonly name: string;
  readonly signal: AbortSignal;
  /** 1 to 32. Default 2. */
  readonly hosts?: number;
  /** VLANs that the router is in from the start. Default none. */
  readonly vlans?: readonly RouterVlan[];
  /** Whether hosts have a dockerd. Default true. */
  readonly docker?: boolean;
  /** Whether the hosts' containerd serves CRI, and has the image for pods and for `ctr`. Default false. */
  readonly cri?: boolean;
  /** Given to every dockerd in addition, e.g. `["--log-level=debug"]`. */
  readonly dockerArguments?: readonly string[];
  readonly addresses?: LabAddresses;
  /** Stays when its creator ends. Default false: the next sweep removes it then. */
  readonly detached?: boolean;
}

/** A VLAN with the addresses that the router has in it, e.g. `{ vlan: 100, gateways: ["10.20.0.1/16"] }`. */
export interface RouterVlan {
  readonly vlan: VlanId;
  readonly gateways: readonly string[];
}

/** A cable of a host: the trunk to the switch, or the management network. */
export type Cable = "uplink" | "management";

/** What can be killed and started again as one on a host. */
export type Service = "dockerd" | "ovs";

/**
 * Simulated hosts on this machine, joined by a switch, with a router and a management network. Nothing in it has a way out.
 *
 * All state is on disk, so any process can open a lab by name; see {@link openLab}.
 */
export class Lab implements AsyncDisposable {
  readonly record: LabRecord;
  readonly hosts: readonly LabHost[];
  /** The space of the simulated switch; its bridge is `switch0`. */
  readonly switch: LabSpace;
  /** The space of the router, the company's network: `vlanN` per VLAN, `underlay0` for the untagged network. */
  readonly router: LabSpace;
  /** The space for controllers, with nothing but `mgmt0`. */
  readonly control: LabSpace;
  readonly #logger: Logger;

  constructor({ logger }: LabDependencies, record: LabRecord, spaces: FabricSpaces) {
    this.record = record;
    this.hosts = spaces.hosts.map((space, index) => new LabHost(space, index + 1, record.addresses));
    this.switch = spaces.switch;
    this.router = spaces.router;
    this.control = spaces.control;
    this.#logger = logger;
  }

  get name(): Name {
    return this.record.name;
  }

  /** `/run/holdfast-lab/NAME`. */
  get folder(): string {
    return labFolder(this.name);
  }

  /** The address of the control space on the management network, e.g. `192.168.77.2`. */
  get controlAddress(): IpAddress {
    return nthAddress(this.record.addresses.management, CONTROL_ADDRESS);
  }

  /** Host number `n`, from 1. @throws HoldfastError `not_found`. */
  host(n: number): LabHost {
    const host = this.hosts[n - 1];
    if (host === undefined)
      throw new HoldfastError("not_found", `lab ${this.name} has hosts 1 to ${this.hosts.length}, no ${n}`);
    return host;
  }

  /** Puts the router into a VLAN; addresses that are missing are added. */
  async addVlan(vlan: RouterVlan, signal: AbortSignal): Promise<void> {
    await addRouterVlan(this, vlan, signal);
  }

  /** Takes the router out of a VLAN; its absence is success. */
  async removeVlan(vlan: VlanId, signal: AbortSignal): Promise<void> {
    await removeRouterVlan(this, vlan, signal);
  }

  /** Pulls cables of a host at the switch: its interfaces lose their carrier. */
  async cut(host: LabHost, cables: readonly Cable[], signal: AbortSignal): Promise<void> {
    await setPorts(this.switch, portsOf(host, cables), { state: "down", signal });
  }

  /** Plugs cables of a host in again. */
  async mend(host: LabHost, cables: readonly Cable[], signal: AbortSignal): Promise<void> {
    await setPorts(this.switch, portsOf(host, cables), { state: "up", signal });
  }

  /**
   * Kills a host's Open vSwitch, or only its dockerd (containers and their shims run on), and waits until the processes are gone.
   */
  async kill(host: LabHost, service: Service, signal: AbortSignal): Promise<void> {
    for (const name of service === "ovs" ? OVS_PROCESSES : [service]) {
      const found = await host.process(name);
      if (found === undefined) continue;
      await host.kill(name, "SIGKILL");
      await waitGone(found, 10_000, signal);
    }
  }

  /** Starts a service of a host that was killed, on the state that it left; one that runs is left alone. */
  async start(host: LabHost, service: Service, signal: AbortSignal): Promise<void> {
    switch (service) {
      case "dockerd":
        return await startDockerd(host, this.record, signal);
      case "ovs":
        return await startOvs(host, signal);
    }
  }

  /** Removes everything of the lab; one that is gone is a success. */
  async destroy(signal: AbortSignal = AbortSignal.timeout(60_000)): Promise<void> {
    await destroyRecorded({ logger: this.#logger }, this.record, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy();
  }
}

function portsOf(host: LabHost, cables: readonly Cable[]): readonly string[] {
  return cables.map((cable) => (cable === "uplink" ? trunkPort(host.number) : managementPort(host.number)));
}

/**
 * Makes a lab, after sweeping what dead ones left. When it fails, nothing stays.
 *
 * @throws HoldfastError `already_exists`: the name is in use; `unavailable`: something that a lab needs is not there.
 */
export async function createLab(dependencies: LabDependencies, options: LabOptions): Promise<Lab> {
  const { signal, hosts = 2, addresses = DEFAULT_ADDRESSES, cri = false, dockerArguments = [] } = options;
  const name = parseLabName(options.name);
  if (!Number.isInteger(hosts) || hosts < 1 || hosts > 32) {
    throw new HoldfastError("invalid_argument", `a lab has 1 to 32 hosts, not ${hosts}`);
  }
  await sweepLabs(dependencies, signal);
  const started = performance.now();
  const record = await createRecord({ name, hosts, addresses, cri, dockerArguments });
  await using undo = new AsyncDisposableStack();
  undo.defer(async () => await destroyRecorded(dependencies, record, AbortSignal.timeout(60_000)));
  const spaces = await createSpaces(record, signal);
  const lab = new Lab(dependencies, record, spaces);
  await equip(lab, options.docker ?? true, signal);
  for (const vlan of options.vlans ?? []) await lab.addVlan(vlan, signal);
  if (options.detached === true) await writeRecord(lab.folder, { ...record, detached: true });
  undo.move();
  dependencies.logger.info("lab created", { lab: name, hosts, milliseconds: Math.round(performance.now() - started) });
  return lab;
}

/** The lab with this name, made by whatever process. @throws HoldfastError `not_found`. */
export async function openLab(dependencies: LabDependencies, name: string): Promise<Lab> {
  const record = await readRecord(name);
  return new Lab(
    dependencies,
    record,
    await forEachSpace(record, async (space) => await openSpace(record.name, space)),
  );
}

async function createSpaces(record: LabRecord, signal: AbortSignal): Promise<FabricSpaces> {
  await mkdir(labFolder(record.name), { recursive: true });
  return await forEachSpace(record, async (space) => await createSpace(record, space, signal));
}

async function forEachSpace(record: LabRecord, get: (space: string) => Promise<LabSpace>): Promise<FabricSpaces> {
  const [switchSpace, router, control, ...hosts] = await allOrFirstError([
    get("switch"),
    get("router"),
    get("control"),
    ...Array.from({ length: record.hosts }, async (_, index) => await get(`host-${index + 1}`)),
  ]);
  return { switch: switchSpace, router, control, hosts };
}

/** Brings up everything that spaces have; what does not need each other, at once. */
async function equip(lab: Lab, docker: boolean, signal: AbortSignal): Promise<void> {
  const image = docker ? createImageArchive(signal) : undefined;
  const cables = layCables(lab, lab.record.addresses, signal);
  const switching = startOvs(lab.switch, signal);
  await allOrFirstError([
    cables,
    image,
    Promise.all([cables, switching]).then(async () => await plugSwitch(lab, signal)),
    ...lab.hosts.map(async (host) => await startOvs(host, signal)),
    ...lab.hosts.map(async (host) => {
      if (image === undefined) return;
      await startDockerd(host, lab.record, signal);
      await importImage(host, await image, signal);
      if (lab.record.cri) await importOciImage(host, createOciArchive(CONTAINERD_IMAGE, await image), signal);
    }),
  ]);
}

/** Like `Promise.all`, but waits for all to end before it throws: what is undone next must not run into what still starts. */
async function allOrFirstError<T extends readonly unknown[]>(
  promises: readonly [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(promises);
  return await Promise.all(promises);
}
