import { type Clock, createTurns, type Turns } from "@holdfast/core";
import type { AttachmentInfo } from "@holdfast/model";
import { addWorkload, delWorkload, freeName, interfaceOf } from "./attaching.ts";
import { attachmentKey, networkOf } from "./attachment-key.ts";
import type { PluginDependencies } from "./dependencies.ts";
import { endInterruptedCalls } from "./interrupted-calls.ts";
import { collectOrphans } from "./orphans.ts";
import { resultBefore } from "./protocol/chain.ts";
import { CniError, CniErrorCode } from "./protocol/cni-error.ts";
import type { Invocation, NetworkCall, SandboxCall } from "./protocol/invocation.ts";
import { versionOutput } from "./protocol/versions.ts";
import { defaultPrefix, Sandbox } from "./sandbox.ts";
import type { Handler } from "./server/server.ts";

export interface CniPlugin {
  /** What runtimes ask. Calls for one attachment take turns. */
  readonly handle: Handler;
  /** Gives back what calls had that an earlier agent did not bring to their end. Before calls are answered. */
  endInterruptedCalls(signal: AbortSignal): Promise<void>;
  /** Takes down what has ended while no agent ran. Once, when calls are answered: of what ends from then on the runtime tells. */
  collectOrphans(clock: Clock, signal: AbortSignal): Promise<void>;
}

/** The CNI plugin, done by the agent. */
export function createCniPlugin(dependencies: PluginDependencies): CniPlugin {
  const turns = createTurns();
  return {
    handle: (invocation, signal) => handle(dependencies, turns, invocation, signal),
    endInterruptedCalls: (signal) => endInterruptedCalls(dependencies, signal),
    collectOrphans: (clock, signal) =>
      collectOrphans({ ...dependencies, clock }, (key, work) => turns.take(key, work), signal),
  };
}

async function handle(
  dependencies: PluginDependencies,
  turns: Turns,
  invocation: Invocation,
  signal: AbortSignal,
): Promise<string> {
  switch (invocation.command) {
    case "VERSION":
      return versionOutput(invocation.asked);
    case "ADD":
      return await turns.take(attachmentKey(invocation), () =>
        addWorkload({ ...dependencies, turns }, invocation, signal),
      );
    case "DEL":
      await turns.take(attachmentKey(invocation), () => delWorkload(dependencies, invocation, signal));
      return "";
    case "CHECK":
      await turns.take(attachmentKey(invocation), () => check(dependencies, invocation));
      return "";
    case "GC":
      await collect(dependencies, turns, invocation, signal);
      return "";
    case "STATUS":
      await status(dependencies, invocation);
      return "";
  }
}

async function check({ workloads, kernel }: PluginDependencies, call: SandboxCall): Promise<void> {
  const { config, workload, netns } = call;
  if (config.prevResult === undefined) {
    throw new CniError(CniErrorCode.invalidConfig, "CHECK needs the result of ADD in prevResult, which is missing");
  }
  const { ips, routes, interfaces } = resultBefore(config);
  const attached = workloads.inspect(attachmentKey(call));
  if (attached === undefined) {
    const text = `${workload.ifName} of container ${workload.containerId} is not attached to ${config.name}; call DEL and ADD`;
    throw new CniError(CniErrorCode.unknownContainer, text);
  }
  const placed = interfaceOf(workload, attached, await workloads.network(attached.tenant, attached.network));
  // Which interface has the default route, ADD has decided.
  const defaultVia = placed.gateways.filter((gateway) =>
    routes.some(({ dst, gw }) => dst === defaultPrefix(gateway) && gw === gateway),
  );
  const wanted = { ...placed, defaultVia };
  await using sandbox = await Sandbox.open(kernel, netns);
  const isListed = interfaces.some(({ name, sandbox: path }) => name === workload.ifName && path === netns);
  const differences = [
    ...(isListed ? [] : [`prevResult lacks interface ${workload.ifName}`]),
    ...wanted.addresses
      .map(({ address, length }) => `${address}/${length}`)
      .filter((text) => !ips.some(({ address }) => address === text))
      .map((text) => `prevResult lacks address ${text}`),
    ...(await sandbox.differences(wanted)),
  ];
  if (differences.length > 0) throw new CniError(CniErrorCode.refused, differences.join("; "));
}

/**
 * Takes down attachments of this configuration that the runtime does not have any more. Claims keep their addresses.
 * A runtime that gives no list has not said that it has none.
 */
async function collect(
  dependencies: PluginDependencies,
  turns: Turns,
  call: NetworkCall,
  signal: AbortSignal,
): Promise<void> {
  const { workloads, logger } = dependencies;
  const { config } = call;
  const valid = config["cni.dev/valid-attachments"];
  if (valid === undefined) {
    logger.warn("a runtime asks to remove what it does not have, and does not say what it has", {
      network: config.name,
    });
    return;
  }
  const kept = new Set(
    valid.map(({ containerID, ifname }) =>
      attachmentKey({ config, workload: { containerId: containerID, ifName: ifname } }),
    ),
  );
  const prefix = attachmentKey({ config, workload: { containerId: "", ifName: "" } }).replace(/\/+$/, "/");
  const isLeft = ({ runtimeEndpoint: key = "" }: AttachmentInfo): boolean => key.startsWith(prefix) && !kept.has(key);
  const left = workloads.attachments("cni").filter(isLeft);
  const removals = left.map((each) =>
    turns.take(each.runtimeEndpoint ?? "", () => reclaim(dependencies, each, config.name, signal)),
  );
  // One that cannot be removed keeps none of the others.
  const failed = (await Promise.allSettled(removals)).find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}

async function reclaim(
  dependencies: PluginDependencies,
  { endpoint, runtimeEndpoint = "" }: AttachmentInfo,
  network: string,
  signal: AbortSignal,
): Promise<void> {
  const { workloads } = dependencies;
  const now = workloads.inspect(runtimeEndpoint);
  if (now?.endpoint !== endpoint) return;
  await freeName(dependencies, now);
  await workloads.reclaim([endpoint], `the runtime does not have it any more (GC of ${network})`, signal);
}

/** Whether an ADD can succeed now, as far as this machine knows. */
async function status({ workloads }: PluginDependencies, { config }: NetworkCall): Promise<void> {
  const { tenant, network } = networkOf(config);
  try {
    await workloads.network(tenant, network);
  } catch (cause) {
    const text = `network ${tenant}/${network} is not known on this machine; create it, or see that a controller is reached`;
    throw new CniError(CniErrorCode.notAvailable, text, { cause });
  }
}
