import { type Clock, errorText, isHoldfastError, type MacAddress } from "@holdfast/core";
import { type AttachmentInfo, isOnWire } from "@holdfast/model";
import type { Kernel } from "@holdfast/netlink";
import type { PluginDependencies } from "./dependencies.ts";

/** Milliseconds between the two looks that it takes. */
const BETWEEN_LOOKS = 1000;

/**
 * Takes down attachments whose container has ended while no agent ran: its DEL was answered with success then, and nobody says it again. One
 * that two looks have found without its sandbox, or with a sandbox that has not its interface, is gone; what cannot be looked at stays.
 *
 * `inTurn` keeps it apart from what a runtime asks for the same attachment.
 */
export async function collectOrphans(
  dependencies: PluginDependencies & { readonly clock: Clock },
  inTurn: (key: string, work: () => Promise<void>) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { workloads, kernel, logger, clock } = dependencies;
  const first = await orphansOf(kernel, workloads.attachments("cni"));
  if (first.length === 0) return;
  await clock.wait(BETWEEN_LOOKS, signal);
  for (const { endpoint, runtimeEndpoint = "" } of first) {
    await inTurn(runtimeEndpoint, async () => {
      const now = workloads.inspect(runtimeEndpoint);
      if (now?.endpoint !== endpoint || (await orphansOf(kernel, [now])).length === 0) return;
      await workloads.reclaim([endpoint], "its container has ended while no agent ran, seen twice", signal);
    }).catch((error: unknown) =>
      logger.warn("an ended container's endpoint stays", { endpoint, error: errorText(error) }),
    );
  }
}

async function orphansOf(kernel: Kernel, attachments: readonly AttachmentInfo[]): Promise<readonly AttachmentInfo[]> {
  const orphans: AttachmentInfo[] = [];
  for (const each of attachments) {
    const { sandbox, phase, mac } = each;
    if (sandbox === undefined || !isOnWire(phase)) continue;
    if (await isWithout(kernel, sandbox, mac)) orphans.push(each);
  }
  return orphans;
}

async function isWithout(kernel: Kernel, sandbox: string, mac: MacAddress): Promise<boolean> {
  try {
    await using inside = await opened(kernel, sandbox);
    return !(await inside.kernel.listLinks()).some((link) => link.mac === mac);
  } catch (error) {
    // A file that is no namespace any more is what is left of one.
    return isHoldfastError(error, "not_found") || isHoldfastError(error, "invalid_argument");
  }
}

async function opened(machine: Kernel, path: string) {
  const kernel = await machine.enter(path);
  return { kernel, [Symbol.asyncDispose]: () => kernel.close() };
}
