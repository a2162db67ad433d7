import { Cidr, type IpAddress } from "@holdfast/core";
import { FIRST_HOST_ADDRESS, type LabAddresses, nthAddress, ROUTER_ADDRESS } from "./addresses.ts";
import type { ExecOptions } from "./space.ts";
import { LabSpace } from "./space.ts";

/** A simulated container host: a space with an uplink to the switch, an Open vSwitch and a dockerd of its own. */
export class LabHost extends LabSpace {
  /** From 1. */
  readonly number: number;
  /** Its address on `mgmt0`, e.g. `192.168.77.11`. */
  readonly managementAddress: IpAddress;
  /** The address that is kept for it on the untagged network of the uplinks; who owns the uplink configures it. */
  readonly underlay: {
    readonly address: IpAddress;
    /** The address with its prefix length, e.g. `"192.168.78.11/24"`. */
    readonly interfaceAddress: string;
    readonly gateway: IpAddress;
  };

  constructor(space: LabSpace, number: number, addresses: LabAddresses) {
    super(space.lab, space.record);
    this.number = number;
    const offset = FIRST_HOST_ADDRESS + number - 1;
    this.managementAddress = nthAddress(addresses.management, offset);
    const address = nthAddress(addresses.underlay, offset);
    this.underlay = {
      address,
      interfaceAddress: `${address}/${Cidr.length(addresses.underlay)}`,
      gateway: nthAddress(addresses.underlay, ROUTER_ADDRESS),
    };
  }

  /** Runs `docker` with these words against the host's dockerd; gives what it prints. @throws HoldfastError `internal`. */
  async docker(words: readonly string[], options: ExecOptions): Promise<string> {
    return (await this.exec(["docker", ...words], options)).stdout.trim();
  }

  /** The process of a container that runs, as pid of the machine; use it as `inside` to run programs in the container's network. */
  async containerPid(container: string, signal: AbortSignal): Promise<number> {
    return Number(await this.docker(["inspect", "--format={{.State.Pid}}", container], { signal }));
  }
}
