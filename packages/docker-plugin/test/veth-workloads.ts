import { statfsSync } from "node:fs";
import type { AttachedInterface, AttachRequest, WorkloadApi } from "@holdfast/model";
import { FakeWorkloads, type FakeWorkloadsOptions } from "../src/testing/fake-workloads.ts";
import { runToEnd } from "./docker-space.ts";

const NSFS_MAGIC = 0x6e736673;

/** A node with a real data path: every network is a Linux bridge, every attachment a pair of virtual Ethernet links. */
export class VethWorkloads implements WorkloadApi {
  readonly book: FakeWorkloads;

  constructor(options: FakeWorkloadsOptions) {
    this.book = new FakeWorkloads({ ...options, sandboxLives });
  }

  network: WorkloadApi["network"] = (...args) => this.book.network(...args);
  watchNetworks: WorkloadApi["watchNetworks"] = (signal) => this.book.watchNetworks(signal);
  reserve: WorkloadApi["reserve"] = (...args) => this.book.reserve(...args);
  joined: WorkloadApi["joined"] = (request) => this.book.joined(request);
  inspect: WorkloadApi["inspect"] = (runtimeEndpoint) => this.book.inspect(runtimeEndpoint);
  attachments: WorkloadApi["attachments"] = () => this.book.attachments();
  containerNamed = (request: { runtimeEndpoint: string; container: string }): void => this.book.containerNamed(request);

  async attach(request: AttachRequest, signal: AbortSignal): Promise<AttachedInterface> {
    const attached = await this.book.attach(request, signal);
    const bridge = `br-${request.network}`;
    const { interfaceName } = attached;
    if (await exists(hostSide(attached.endpoint))) return attached;
    if (!(await exists(bridge))) await ip(`link add ${bridge} type bridge`, `link set ${bridge} up`);
    await ip(
      `link add ${hostSide(attached.endpoint)} type veth peer name ${interfaceName} address ${attached.mac}`,
      `link set ${hostSide(attached.endpoint)} master ${bridge} up`,
    );
    return attached;
  }

  async detach(request: Parameters<WorkloadApi["detach"]>[0]): Promise<void> {
    await this.book.detach(request);
    await this.#removeLinks();
  }

  async unreserve(request: Parameters<WorkloadApi["unreserve"]>[0]): Promise<void> {
    await this.book.unreserve(request);
    await this.#removeLinks();
  }

  async reclaim(endpoints: readonly string[], reason: string): Promise<void> {
    await this.book.reclaim(endpoints, reason);
    await this.#removeLinks();
  }

  async #removeLinks(): Promise<void> {
    for (const { id, phase } of this.book.endpoints) {
      if ((phase === "detached" || phase === "released") && (await exists(hostSide(id))))
        await ip(`link del ${hostSide(id)}`);
    }
  }
}

function sandboxLives(path: string): boolean {
  try {
    return statfsSync(path).type === NSFS_MAGIC;
  } catch {
    return false;
  }
}

function hostSide(endpoint: string): string {
  return `hfh-${endpoint}`;
}

async function exists(link: string): Promise<boolean> {
  return (await runToEnd(["ip", "link", "show", link])).code === 0;
}

async function ip(...commands: readonly string[]): Promise<void> {
  for (const command of commands) {
    const { code, stderr } = await runToEnd(["ip", ...command.split(" ")]);
    if (code !== 0) throw new Error(`ip ${command}: ${stderr}`);
  }
}
