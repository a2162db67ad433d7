import type { IpAddress } from "@holdfast/core";
import type { FlowTarget } from "@holdfast/model";

/** How the switch of a node tells of its packets (ovs-vswitchd.conf.db(5), table sFlow). */
export interface FlowExportSettings {
  /** Collectors; each gets all. At least one. */
  readonly targets: readonly FlowTarget[];
  /** One of so many packets is sampled, 1 or more. 1: each. */
  readonly sampling: number;
  /** Between two samples of a port's counters, 1 or more. */
  readonly pollingSeconds: number;
  /** By which collectors know the node; it need not be the address that datagrams come from. */
  readonly agent: IpAddress;
}

/** Bytes of a packet that are sampled: enough for a tunnel's headers and those of what it carries. */
export const HEADER_BYTES = 128;
