import { type Clock, type Logger, type Reached, systemClock } from "@holdfast/core";
import { createTrafficControl } from "@holdfast/netlink";
import type { DatapathDriver } from "../../driver.ts";
import { createHostTools } from "../../machine/host-tools.ts";
import { type MachineKernelOptions, machineKernel, machineNetfilter } from "../../machine/machine-kernel.ts";
import { withCleanup } from "../../machine/with-cleanup.ts";
import { createKernelDriver } from "./driver.ts";
import type { KernelDriverOptions } from "./options.ts";

export interface OpenKernelOptions extends KernelDriverOptions, MachineKernelOptions {
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly reached?: Reached | undefined;
  readonly signal: AbortSignal;
}

/** A driver on the kernel of this machine. */
export async function openKernelDriver(options: OpenKernelOptions): Promise<DatapathDriver> {
  const { logger, clock = systemClock, namespace, isBusy, signal } = options;
  await using undo = new AsyncDisposableStack();
  const kernel = await machineKernel(options, undo);
  const host = createHostTools(namespace, isBusy);
  const netfilter = await machineNetfilter(options, undo);
  const traffic = await createTrafficControl(namespace);
  undo.defer(async () => traffic.close());
  const dependencies = { kernel, host, netfilter, traffic, clock, logger, reached: options.reached };
  const driver = await createKernelDriver(dependencies, options, signal);
  const opened = undo.move();
  return withCleanup(driver, () => opened.disposeAsync());
}
