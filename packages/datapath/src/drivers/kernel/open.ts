import { type Clock, type Logger, type Reached, systemClock } from "@holdfast/core";
import { createKernel } from "@holdfast/netlink";
import type { DatapathDriver } from "../../driver.ts";
import { createHostTools } from "../../machine/host-tools.ts";
import { withCleanup } from "../../machine/with-cleanup.ts";
import { createKernelDriver } from "./driver.ts";
import type { KernelDriverOptions } from "./options.ts";

export interface OpenKernelOptions extends KernelDriverOptions {
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Path of the machine's network namespace. Absent: this one. */
  readonly namespace?: string;
  readonly reached?: Reached | undefined;
  readonly signal: AbortSignal;
}

/** A driver on the kernel of this machine. */
export async function openKernelDriver(options: OpenKernelOptions): Promise<DatapathDriver> {
  const { logger, clock = systemClock, namespace, signal } = options;
  await using undo = new AsyncDisposableStack();
  const here = await createKernel();
  undo.defer(() => here.close());
  const kernel = namespace === undefined ? here : await here.enter(namespace);
  if (kernel !== here) undo.defer(() => kernel.close());
  const host = createHostTools(namespace);
  const driver = await createKernelDriver({ kernel, host, clock, logger, reached: options.reached }, options, signal);
  const opened = undo.move();
  return withCleanup(driver, () => opened.disposeAsync());
}
