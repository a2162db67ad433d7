import { errorText, IpAddress, type MacAddress, type Turns } from "@holdfast/core";
import {
  type AttachedInterface,
  type AttachmentInfo,
  isOnWire,
  placementOf,
  type ReservedAddresses,
  type WiredNetwork,
} from "@holdfast/model";
import { attachmentKey, interfaceNameOf } from "./attachment-key.ts";
import type { PluginDependencies } from "./dependencies.ts";
import { dnsOf, resultBefore, resultsTogether } from "./protocol/chain.ts";
import { CniError, CniErrorCode } from "./protocol/cni-error.ts";
import type { AttachmentCall, SandboxCall, Workload } from "./protocol/invocation.ts";
import { type CniResult, resultOutput } from "./protocol/result.ts";
import { prefixesVia, Sandbox, type SandboxInterface } from "./sandbox.ts";
import { reserveWished } from "./wishes/reserving.ts";
import { readWishes, type Wishes } from "./wishes/wishes.ts";

/** Milliseconds that a failed ADD waits for its own removal. */
const UNDO_LIMIT = 5000;

/** Wires a container. Again for the same container: what is missing is made good. Gives the result for standard output. */
export async function addWorkload(
  dependencies: PluginDependencies & { readonly turns: Turns },
  call: SandboxCall,
  signal: AbortSignal,
): Promise<string> {
  const { workloads, kernel, turns, reached } = dependencies;
  reached?.("cni.add-begun");
  const { workload, netns, config } = call;
  const [wishes, earlier] = [readWishes(call), resultBefore(config)];
  await using sandbox = await Sandbox.open(kernel, netns);
  const before = await attachedBefore(dependencies, call, signal);
  await sandbox.refuseTaken(workload.ifName, before?.mac);
  reached?.("cni.add-entered");
  let reserved: ReservedAddresses | undefined;
  try {
    reserved =
      before === undefined
        ? await reserveWished(workloads, call, wishes, signal)
        : await asReserved(dependencies, before);
    reached?.("cni.add-reserved");
    const port = await attach(dependencies, call, { ...wishes, ...reserved }, signal);
    reached?.("cni.add-attached");
    const placed = interfaceOf(workload, reserved, reserved.network);
    // First: whatever comes between, it is known where to look for it.
    await workloads.joined({ runtimeEndpoint: attachmentKey(call), sandbox: netns }, signal);
    reached?.("cni.add-joined");
    // Interfaces of one container may come at the same time, and one of them has the default route.
    const wanted = await turns.take(`sandbox ${netns}`, async () => {
      const defaultVia = await sandbox.defaultGateways(placed, config.defaultRoute);
      await sandbox.take(kernel, port, { ...placed, defaultVia }, reached);
      return { ...placed, defaultVia };
    });
    const hostMac = port.hostMac ?? (await kernel.getLink(port.hostInterface))?.mac;
    const own = resultOf(call, port, wanted, hostMac);
    return `${resultOutput(resultsTogether(earlier, own), config.cniVersion)}\n`;
  } catch (error) {
    // What was there before this call stays: the runtime has a container with it.
    if (before === undefined) await undo(dependencies, call, reserved);
    throw error instanceof CniError ? error : asAddError(error, config.name);
  }
}

/** Takes a container's interface away and gives its addresses back. What is not there is no news. */
export async function delWorkload(
  dependencies: PluginDependencies,
  call: Pick<AttachmentCall, "config" | "workload">,
  signal: AbortSignal,
): Promise<void> {
  const { workloads, reached } = dependencies;
  const runtimeEndpoint = attachmentKey(call);
  const attached = workloads.inspect(runtimeEndpoint);
  reached?.("cni.del-begun");
  if (attached !== undefined) await freeName(dependencies, attached);
  reached?.("cni.del-unnamed");
  await workloads.detach({ runtimeEndpoint }, signal);
  reached?.("cni.del-detached");
  if (attached === undefined) return;
  const { tenant, network, addresses } = attached;
  for (const address of addresses) await workloads.unreserve({ tenant, network, address }, signal);
  reached?.("cni.del-released");
}

/** The interface goes behind its caller's back: until then nobody is to find its name taken. */
export async function freeName(
  { kernel, logger }: PluginDependencies,
  { sandbox, mac, runtimeEndpoint }: AttachmentInfo,
): Promise<void> {
  const ifName = interfaceNameOf(runtimeEndpoint);
  if (sandbox === undefined || ifName === undefined) return;
  try {
    await Sandbox.release(kernel, sandbox, { ifName, mac });
  } catch (error) {
    logger.warn("an interface keeps its name until it is gone", { sandbox, ifName, error: errorText(error) });
  }
}

/** What the interface of an attachment is to be in its sandbox. */
export function interfaceOf(
  { ifName }: Workload,
  { addresses, mac }: Pick<AttachmentInfo, "addresses" | "mac">,
  network: WiredNetwork,
): Omit<SandboxInterface, "defaultVia"> {
  const placed = addresses.map((address) => ({ address, ...placementOf(network, address) }));
  const gateways = placed.flatMap(({ gateway }) => gateway ?? []);
  return {
    ifName,
    mac,
    addresses: placed.map(({ address, length }) => ({ address, length })),
    gateways: (["v4", "v6"] as const).flatMap(
      (family) => gateways.find((gateway) => IpAddress.family(gateway) === family) ?? [],
    ),
    beyond: network.kind === "routed" ? network.subnets.map(({ prefix }) => prefix) : [],
  };
}

/** What an ADD before this one has come to. One that a DEL has not quite removed is removed. */
async function attachedBefore(
  dependencies: PluginDependencies,
  call: SandboxCall,
  signal: AbortSignal,
): Promise<AttachmentInfo | undefined> {
  const before = dependencies.workloads.inspect(attachmentKey(call));
  if (before === undefined || isOnWire(before.phase)) return before;
  await delWorkload(dependencies, call, signal);
  return undefined;
}

async function asReserved({ workloads }: PluginDependencies, before: AttachmentInfo): Promise<ReservedAddresses> {
  return { ...before, network: await workloads.network(before.tenant, before.network) };
}

async function attach(
  { workloads }: PluginDependencies,
  call: SandboxCall,
  {
    addresses,
    identity,
    network,
    ports,
    container,
    qos,
    labels,
  }: Pick<Wishes, "ports" | "container" | "qos" | "labels"> & ReservedAddresses,
  signal: AbortSignal,
): Promise<AttachedInterface> {
  const { tenant, name } = network;
  const runtimeEndpoint = attachmentKey(call);
  const request = {
    tenant,
    network: name,
    runtime: "cni",
    runtimeEndpoint,
    addresses,
    identity,
    ports,
    container,
    ...(qos === undefined ? {} : { qos }),
    ...(labels === undefined ? {} : { labels }),
    sandbox: call.netns,
    ifName: call.workload.ifName,
  } as const;
  return await workloads.attach(request, signal);
}

/** Its own part of the result: the interface in the sandbox, then its other end, by which later plugins find the veth pair. */
function resultOf(
  { workload, config, netns }: SandboxCall,
  port: AttachedInterface,
  wanted: SandboxInterface,
  hostMac: MacAddress | undefined,
): CniResult {
  const own = { name: workload.ifName, mac: port.mac, mtu: port.mtu, sandbox: netns };
  const host = { name: port.hostInterface, ...(hostMac === undefined ? {} : { mac: hostMac }) };
  const ips = wanted.addresses.map(({ address, length }) => {
    const gateway = wanted.gateways.find((each) => IpAddress.family(each) === IpAddress.family(address));
    return { address: `${address}/${length}`, interface: 0, ...(gateway === undefined ? {} : { gateway }) };
  });
  const routes = wanted.gateways.flatMap((gw) => prefixesVia(wanted, gw).map((dst) => ({ dst, gw })));
  const dns = dnsOf(config);
  return { interfaces: [own, host], ips, routes, ...(dns === undefined ? {} : { dns }) };
}

/** With a limit of its own: the caller's time may be what has run out. */
async function undo(
  { workloads, logger }: PluginDependencies,
  call: SandboxCall,
  reserved: ReservedAddresses | undefined,
): Promise<void> {
  const signal = AbortSignal.timeout(UNDO_LIMIT);
  try {
    await workloads.detach({ runtimeEndpoint: attachmentKey(call) }, signal);
    if (reserved === undefined) return;
    const { tenant, name: network } = reserved.network;
    for (const address of reserved.addresses) await workloads.unreserve({ tenant, network, address }, signal);
  } catch (error) {
    const container = call.workload.containerId;
    logger.warn("a failed ADD is taken down later", { container, error: errorText(error) });
  }
}

function asAddError(error: unknown, network: string): unknown {
  if (!(error instanceof TypeError)) return error;
  return new CniError(CniErrorCode.invalidConfig, `network ${network}: ${error.message}`, { cause: error });
}
