import { createKernel, createNetfilter, type Kernel, type Netfilter } from "@holdfast/netlink";

export interface MachineKernelOptions {
  /** Somebody else's, who closes it: drivers that share one hear of each change once. Absent: one of one's own. */
  readonly kernel?: Kernel;
  /** Somebody else's, who closes it: drivers that share one do not hear of what they do themselves. Absent: one of one's own. */
  readonly netfilter?: Netfilter;
  /** Path of the machine's network namespace, for one of one's own. Absent: this one. */
  readonly namespace?: string;
  /** Whether others wait for this thread. Absent: nobody ever does. */
  readonly isBusy?: () => boolean;
}

/** The kernel of the machine, closed with the stack unless it is somebody else's. */
export async function machineKernel(
  { kernel, namespace, isBusy }: MachineKernelOptions,
  undo: AsyncDisposableStack,
): Promise<Kernel> {
  if (kernel !== undefined) return kernel;
  const here = await createKernel(isBusy === undefined ? {} : { isBusy });
  undo.defer(() => here.close());
  if (namespace === undefined) return here;
  const there = await here.enter(namespace);
  undo.defer(() => there.close());
  return there;
}

/** The nftables of the machine, closed with the stack unless they are somebody else's. */
export async function machineNetfilter(
  { netfilter, namespace }: MachineKernelOptions,
  undo: AsyncDisposableStack,
): Promise<Netfilter> {
  if (netfilter !== undefined) return netfilter;
  const own = await createNetfilter(namespace);
  undo.defer(async () => own.close());
  return own;
}
