import { HoldfastError, Name } from "@holdfast/core";
import type { WiredNetwork } from "@holdfast/model";

/** Tenant and name of a Holdfast network. */
export interface NetworkKey {
  readonly tenant: Name;
  readonly network: Name;
}

/** The option of `docker network create` that names the Holdfast network, as `--ipam-opt` and, optionally, `-o`. */
export const NETWORK_OPTION = "holdfast.network";

const DEFAULT_TENANT = Name.parse("default");

/**
 * Reads `"tenant/name"`, or `"name"` for a network of the tenant `default`.
 *
 * @throws HoldfastError `invalid_argument`.
 */
export function parseNetworkKey(text: string): NetworkKey {
  const parts = text.split("/");
  const [first = "", second] = parts;
  if (parts.length > 2) {
    throw new HoldfastError(
      "invalid_argument",
      `${NETWORK_OPTION}=${text.slice(0, 150)} is not TENANT/NETWORK, nor NETWORK of the tenant default`,
    );
  }
  return second === undefined
    ? { tenant: DEFAULT_TENANT, network: Name.parse(first) }
    : { tenant: Name.parse(first), network: Name.parse(second) };
}

/** `"default/web"`. */
export function formatNetworkKey({ tenant, network }: NetworkKey): string {
  return `${tenant}/${network}`;
}

/** The name of the docker network: the network's own in the tenant `default`, else `"name.tenant"`. */
export function dockerNetworkName({ tenant, network }: NetworkKey): string {
  return tenant === DEFAULT_TENANT ? network : `${network}.${tenant}`;
}

/** The command that makes a docker network for a Holdfast network by hand, for error texts. */
export function createCommand(network?: WiredNetwork): string {
  const start = "docker network create -d holdfast --ipam-driver holdfast";
  if (network === undefined) return `${start} --ipam-opt ${NETWORK_OPTION}=TENANT/NETWORK --subnet PREFIX NAME`;
  const key = { tenant: network.tenant, network: network.name };
  const hasV6 = network.subnets.some(({ prefix }) => prefix.includes(":"));
  const subnets = network.subnets.map(({ prefix }) => ` --subnet ${prefix}`).join("");
  const options = ` --ipam-opt ${NETWORK_OPTION}=${formatNetworkKey(key)}`;
  return `${start}${options}${hasV6 ? " --ipv6" : ""}${subnets} ${dockerNetworkName(key)}`;
}
