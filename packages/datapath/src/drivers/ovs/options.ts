import { HoldfastError, IpAddress, parseInterfaceAddress } from "@holdfast/core";
import type { Uplink } from "../../qos/guarantee-table.ts";

/** How frames are carried: in the kernel's module (`system`) or in ovs-vswitchd itself (`netdev`). */
export type DatapathType = "system" | "netdev";

export interface OvsDriverOptions {
  /** Name of this node: marks what is ours in the switch's database. */
  readonly node: string;
  /** Trunk interface to the company's network, e.g. `"eth1"`. Absent: networks are local, and this machine is their gateway. */
  readonly uplink?: string;
  /** Where other nodes send VXLAN packets, with its length, e.g. `"192.168.50.11/24"`. Absent: VXLAN networks are local to this node. */
  readonly tunnelAddress?: string;
  /** `auto` takes `system` when the kernel has the module. */
  readonly datapathType: DatapathType | "auto";
  /** Where ovs-vswitchd keeps its sockets, e.g. `"/run/openvswitch"`. */
  readonly runDirectory: string;
  /** Begins the names of all bridges and links, 1 to 3 characters. Default `"hf"`. */
  readonly namePrefix?: string;
  /** How many wired interfaces wait for an endpoint, 0 to 64. Default 16. */
  readonly spares?: number;
  /** Where packets leave the machine, and what that carries. Absent: no guarantee can be kept. */
  readonly guaranteesOn?: Uplink | undefined;
}

/** Options with everything filled in and checked. */
export interface OvsSettings {
  readonly node: string;
  readonly uplink?: string;
  readonly tunnel?: { readonly address: IpAddress; readonly length: number };
  readonly datapathType: DatapathType;
  readonly runDirectory: string;
  readonly spares: number;
  readonly guaranteesOn?: Uplink | undefined;
  readonly names: Names;
}

/** @throws HoldfastError `invalid_argument`. */
export function readSettings(options: OvsDriverOptions, datapathType: DatapathType): OvsSettings {
  const { namePrefix = "hf", spares = 16, uplink, tunnelAddress, guaranteesOn } = options;
  if (!/^[a-z][a-z0-9]{0,2}$/.test(namePrefix)) {
    throw refused(`the prefix ${JSON.stringify(namePrefix)} of names is not 1 to 3 lower-case letters and digits`);
  }
  if (!Number.isInteger(spares) || spares < 0 || spares > 64) throw refused(`${spares} spares are not 0 to 64`);
  if (tunnelAddress !== undefined && uplink === undefined) {
    throw refused(
      "a tunnel address needs an uplink that its packets leave through; name the uplink or drop the address",
    );
  }
  const tunnel = tunnelAddress === undefined ? undefined : parseInterfaceAddress(tunnelAddress);
  if (tunnel !== undefined && IpAddress.family(tunnel.address) !== "v4") {
    throw refused(`the tunnel address ${tunnel.address} is not IPv4`);
  }
  return {
    node: options.node,
    datapathType,
    runDirectory: options.runDirectory,
    spares,
    names: createNames(namePrefix),
    ...(uplink === undefined ? {} : { uplink }),
    ...(guaranteesOn === undefined ? {} : { guaranteesOn }),
    ...(tunnel === undefined ? {} : { tunnel }),
  };
}

/** What things are called on a machine. Link names have at most 15 characters (IFNAMSIZ). */
export interface Names {
  /** Where endpoints are. */
  readonly integration: string;
  /** Holds the uplink; its local port has the tunnel address. */
  readonly uplinkBridge: string;
  /** The two ends of the patch between the bridges. */
  readonly patchToUplink: string;
  readonly patchToIntegration: string;
  readonly tunnel: string;
  /** The end in the switch and the end for the sandbox, of the interface with this number. */
  link(number: number): string;
  readonly linkPrefix: string;
  peer(number: number): string;
  /** Undefined when it is no name that `link` gives. */
  linkNumber(name: string): number | undefined;
  gateway(network: string): string;
  /** The machine's port among containers that publish ports behind an uplink. Nftables, iptables and tables know it as a gateway's. */
  readonly hostAccess: string;
  /** For nft and iptables: matches all gateways' names, without the wildcard at its end. */
  readonly gatewayPrefix: string;
  /** Begins the names of the kernel driver's links. */
  readonly routedPrefix: string;
}

function createNames(prefix: string): Names {
  const pattern = new RegExp(`^${prefix}p([1-9][0-9]{0,4})$`);
  return {
    integration: `${prefix}-int`,
    uplinkBridge: `${prefix}-up`,
    patchToUplink: `${prefix}-int-up`,
    patchToIntegration: `${prefix}-up-int`,
    tunnel: `${prefix}-vxlan`,
    linkPrefix: `${prefix}p`,
    link: (number) => `${prefix}p${number}`,
    peer: (number) => `${prefix}c${number}`,
    linkNumber: (name) => {
      const digits = pattern.exec(name)?.[1];
      return digits === undefined ? undefined : Number(digits);
    },
    gateway: (network) => `${prefix}g-${network}`,
    hostAccess: `${prefix}g-host`,
    gatewayPrefix: `${prefix}g-`,
    routedPrefix: `${prefix}r`,
  };
}

function refused(message: string): HoldfastError {
  return new HoldfastError("invalid_argument", message);
}
