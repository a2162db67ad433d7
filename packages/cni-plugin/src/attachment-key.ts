import { Name } from "@holdfast/core";
import { CniError, CniErrorCode } from "./protocol/cni-error.ts";
import type { Workload } from "./protocol/invocation.ts";
import type { NetworkConfig } from "./protocol/network-config.ts";

/**
 * What an attachment is called between runtime and agent, e.g. `"web/3f2a…/eth0"`: never a pod's name, so that a late DEL for a container cannot
 * touch its successor. None of the parts has a slash.
 */
export function attachmentKey({
  config,
  workload,
}: {
  readonly config: NetworkConfig;
  readonly workload: Workload;
}): string {
  return `${config.name}/${workload.containerId}/${workload.ifName}`;
}

/** The name of the interface in the sandbox; undefined for a key that is none. */
export function interfaceNameOf(key = ""): string | undefined {
  return key.split("/")[2];
}

/** The Holdfast network of a configuration. @throws CniError when it names none and its own name cannot be one. */
export function networkOf({ tenant, network, name }: NetworkConfig): { readonly tenant: Name; readonly network: Name } {
  if (network !== undefined) return { tenant, network };
  try {
    return { tenant, network: Name.parse(name) };
  } catch (cause) {
    const text = `the configuration's name ${JSON.stringify(name)} cannot be a network's; say which in "network"`;
    throw new CniError(CniErrorCode.invalidConfig, text, { cause });
  }
}
