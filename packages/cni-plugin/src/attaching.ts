import { Cidr, errorText, IpAddress, MacAddress } from "@holdfast/core";
import {
  type AttachedInterface,
  type AttachmentInfo,
  isOnWire,
  type ReservedAddresses,
  type WiredNetwork,
} from "@holdfast/model";
import { attachmentKey, interfaceNameOf, networkOf } from "./attachment-key.ts";
import type { PluginDependencies } from "./dependencies.ts";
import { CniError, CniErrorCode } from "./protocol/cni-error.ts";
import type { AttachmentCall, SandboxCall, Workload } from "./protocol/invocation.ts";
import { resultOutput } from "./protocol/result.ts";
import { Sandbox, type SandboxInterface } from "./sandbox.ts";
import { wantedAddresses, wantedPorts } from "./wishes.ts";

/** Milliseconds that a failed ADD waits for its own removal. */
const UNDO_LIMIT = 5000;

/** Wires a container. Again for the same container: what is missing is made good. Gives the result for standard output. */
export async function addWorkload(
  dependencies: PluginDependencies,
  call: SandboxCall,
  signal: AbortSignal,
): Promise<string> {
  const { workloads, kernel } = dependencies;
  const { workload, netns, config } = call;
  await using sandbox = await Sandbox.open(kernel, netns);
  const before = await attachedBefore(dependencies, call, signal);
  await sandbox.refuseTaken(workload.ifName, before?.mac);
  let reserved: ReservedAddresses | undefined;
  try {
    reserved =
      before === undefined ? await reserve(dependencies, call, signal) : await asReserved(dependencies, before);
    const port = await attach(dependencies, call, reserved, signal);
    const wanted = interfaceOf(workload, reserved, reserved.network);
    // First: whatever comes between, it is known where to look for it.
    await workloads.joined({ runtimeEndpoint: attachmentKey(call), sandbox: netns }, signal);
    await sandbox.take(kernel, port.interfaceName, wanted);
    return result(call, port, wanted, netns);
  } catch (error) {
    // What was there before this call stays: the runtime has a container with it.
    if (before === undefined) await undo(dependencies, call, reserved?.addresses ?? []);
    throw error instanceof CniError ? error : asAddError(error, config.name);
  }
}

/** Takes a container's interface away and gives its addresses back. What is not there is no news. */
export async function delWorkload(
  dependencies: PluginDependencies,
  call: Pick<AttachmentCall, "config" | "workload">,
  signal: AbortSignal,
): Promise<void> {
  const { workloads } = dependencies;
  const runtimeEndpoint = attachmentKey(call);
  const attached = workloads.inspect(runtimeEndpoint);
  if (attached !== undefined) await freeName(dependencies, attached);
  await workloads.detach({ runtimeEndpoint }, signal);
  if (attached === undefined) return;
  const { tenant, network, addresses } = attached;
  for (const address of addresses) await workloads.unreserve({ tenant, network, address }, signal);
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
  { subnets }: WiredNetwork,
): SandboxInterface {
  const placed = addresses.map((address) => {
    const subnet = subnets.find(({ prefix }) => Cidr.contains(prefix, address));
    const most = IpAddress.family(address) === "v4" ? 32 : 128;
    return { address, length: subnet === undefined ? most : Cidr.length(subnet.prefix), gateway: subnet?.gateway };
  });
  const gateways = placed.flatMap(({ gateway }) => gateway ?? []);
  return {
    ifName,
    mac,
    addresses: placed.map(({ address, length }) => ({ address, length })),
    gateways: (["v4", "v6"] as const).flatMap(
      (family) => gateways.find((gateway) => IpAddress.family(gateway) === family) ?? [],
    ),
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

async function reserve(
  { workloads }: PluginDependencies,
  { workload, config, args }: SandboxCall,
  signal: AbortSignal,
): Promise<ReservedAddresses> {
  const [address, ...more] = wantedAddresses(config, args);
  const request = { ...networkOf(config), runtime: "cni", requester: attachmentKey({ config, workload }) } as const;
  const reserved = await workloads.reserve({ ...request, ...(address === undefined ? {} : { address }) }, signal);
  const missing = more.find((each) => !reserved.addresses.includes(each));
  if (missing === undefined) return reserved;
  await workloads.unreserve({ ...networkOf(config), address: reserved.addresses[0] ?? missing }, signal);
  const text = `${address} and ${missing} are asked for, which are not addresses of one claim; create a claim that has both`;
  throw new CniError(CniErrorCode.invalidConfig, text);
}

async function attach(
  { workloads }: PluginDependencies,
  call: SandboxCall,
  { addresses, identity }: ReservedAddresses,
  signal: AbortSignal,
): Promise<AttachedInterface> {
  const { config } = call;
  const mac = config.runtimeConfig.mac ?? call.args.get("MAC");
  return await workloads.attach(
    {
      ...networkOf(config),
      runtime: "cni",
      runtimeEndpoint: attachmentKey(call),
      addresses,
      identity,
      ports: wantedPorts(config),
      container: call.workload.containerId,
      ...(mac === undefined ? {} : { mac: MacAddress.parse(mac) }),
    },
    signal,
  );
}

function result(
  { workload, config }: SandboxCall,
  port: AttachedInterface,
  wanted: SandboxInterface,
  netns: string,
): string {
  const own = { name: workload.ifName, mac: port.mac, mtu: port.mtu, sandbox: netns };
  const ips = wanted.addresses.map(({ address, length }) => {
    const gateway = wanted.gateways.find((each) => IpAddress.family(each) === IpAddress.family(address));
    return { address: `${address}/${length}`, interface: 0, ...(gateway === undefined ? {} : { gateway }) };
  });
  const routes = wanted.gateways.map((gw) => ({ dst: IpAddress.family(gw) === "v4" ? "0.0.0.0/0" : "::/0", gw }));
  const interfaces = [own, { name: port.hostInterface }];
  return `${resultOutput({ interfaces, ips, routes }, config.cniVersion)}\n`;
}

/** With a limit of its own: the caller's time may be what has run out. */
async function undo(
  { workloads, logger }: PluginDependencies,
  call: SandboxCall,
  addresses: readonly IpAddress[],
): Promise<void> {
  const signal = AbortSignal.timeout(UNDO_LIMIT);
  try {
    await workloads.detach({ runtimeEndpoint: attachmentKey(call) }, signal);
    for (const address of addresses) await workloads.unreserve({ ...networkOf(call.config), address }, signal);
  } catch (error) {
    const container = call.workload.containerId;
    logger.warn("a failed ADD is taken down later", { container, error: errorText(error) });
  }
}

function asAddError(error: unknown, network: string): unknown {
  if (!(error instanceof TypeError)) return error;
  return new CniError(CniErrorCode.invalidConfig, `network ${network}: ${error.message}`, { cause: error });
}
