import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { IpAddress, silentLogger } from "@holdfast/core";
import type { Kernel } from "@holdfast/netlink";
import type { KernelDriverOptions } from "../../src/drivers/kernel/options.ts";
import { type AttachedPort, type DatapathDriver, openKernelDriver } from "../../src/index.ts";
import { createSandbox, type Sandbox } from "../fabric.ts";

const run = promisify(execFile);

/** A machine of nothing but a kernel, and the drivers that were opened on it. */
export class Machine implements AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly #undo = new AsyncDisposableStack();

  private constructor(sandbox: Sandbox) {
    this.sandbox = this.#undo.use(sandbox);
  }

  static async start(): Promise<Machine> {
    return new Machine(await createSandbox());
  }

  get kernel(): Kernel {
    return this.sandbox.kernel;
  }

  get path(): string {
    return this.sandbox.path;
  }

  open(options: Pick<KernelDriverOptions, "guaranteesOn"> = {}): Promise<DatapathDriver> {
    return openKernelDriver({
      logger: silentLogger,
      namespace: this.path,
      signal: AbortSignal.timeout(20_000),
      ...options,
    });
  }

  /** What a runtime does with an attached interface: moves it into a new sandbox, with its addresses alone and the gateway behind them. */
  async plug(port: AttachedPort, addresses: readonly IpAddress[]): Promise<Sandbox> {
    const sandbox = this.#undo.use(await createSandbox());
    const link = port.containerInterface;
    await this.kernel.setLink(link, { namespace: sandbox.path });
    for (const address of addresses) {
      await sandbox.kernel.replaceAddress({ link, address, length: IpAddress.bits(IpAddress.family(address)) });
    }
    await sandbox.kernel.setLink(link, { up: true });
    await sandbox.exec("ip", "route", "add", "169.254.1.1/32", "dev", link);
    await sandbox.exec("ip", "route", "add", "default", "via", "169.254.1.1", "dev", link);
    await sandbox.exec("ip", "-6", "route", "add", "default", "via", "fe80::1", "dev", link);
    return sandbox;
  }

  /** What `nft list ruleset` says. */
  async rules(): Promise<string> {
    return (await run("nsenter", [`--net=${this.path}`, "--", "nft", "-s", "list", "ruleset"])).stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo.disposeAsync();
  }
}
