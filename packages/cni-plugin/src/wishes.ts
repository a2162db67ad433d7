import { IpAddress, parseInterfaceAddress } from "@holdfast/core";
import type { PublishedPort } from "@holdfast/model";
import { CniError, CniErrorCode } from "./protocol/cni-error.ts";
import type { NetworkConfig } from "./protocol/network-config.ts";

/** Addresses that the runtime asks for by the capability `ips` or by `IP=` in CNI_ARGS, with or without a length, which is the network's anyway. */
export function wantedAddresses(config: NetworkConfig, args: ReadonlyMap<string, string>): readonly IpAddress[] {
  const texts = config.runtimeConfig.ips ?? args.get("IP")?.split(",") ?? [];
  return texts.map((text) => readAddress(text.trim()));
}

/** Ports of the machine that are to lead to the container, by the capability `portMappings`. */
export function wantedPorts({ runtimeConfig }: NetworkConfig): readonly PublishedPort[] {
  return (runtimeConfig.portMappings ?? []).map(({ hostIP = "", ...port }) => ({
    ...port,
    ...(hostIP === "" || hostIP === "0.0.0.0" || hostIP === "::" ? {} : { hostAddress: readAddress(hostIP) }),
  }));
}

function readAddress(text: string): IpAddress {
  const address = text.includes("/") ? tryInterfaceAddress(text) : IpAddress.tryParse(text);
  if (address !== undefined) return address;
  throw new CniError(CniErrorCode.invalidConfig, `${JSON.stringify(text)} is asked for, which is not an IP address`);
}

function tryInterfaceAddress(text: string): IpAddress | undefined {
  try {
    return parseInterfaceAddress(text).address;
  } catch {
    return undefined;
  }
}
