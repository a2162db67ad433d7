import type { Clock, Logger, Reached } from "@holdfast/core";
import type { Kernel, Netfilter, TrafficControl } from "@holdfast/netlink";
import type { OpenFlowSwitch } from "@holdfast/openflow";
import type { OpenVSwitch, OvsdbClient } from "@holdfast/ovsdb";
import type { HostTools } from "../../machine/host-tools.ts";
import type { PacketLog } from "./policy/rule-log.ts";
import type { ConnectionTracking } from "./policy/tracked-connections.ts";
import type { ZoneLimits } from "./zone-limits.ts";

/** Opens an OpenFlow connection to a bridge; calls back each time it stands. */
export type ConnectSwitch = (bridge: string, onConnected: () => void) => OpenFlowSwitch;

export interface OvsDriverDependencies {
  readonly kernel: Kernel;
  readonly ovsdb: OvsdbClient;
  readonly ovs: OpenVSwitch;
  readonly connectSwitch: ConnectSwitch;
  readonly host: HostTools;
  /** Absent, or without traffic control: no QoS. */
  readonly netfilter?: Netfilter;
  readonly traffic?: TrafficControl;
  /** What the switch follows, so that what a policy denies now can be cut. */
  readonly tracking: ConnectionTracking;
  /** Where rules with `log` write. Absent: nowhere. */
  readonly packetLog?: PacketLog | undefined;
  /** Absent: numbers of connections cannot be kept to. */
  readonly zoneLimits?: ZoneLimits | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly reached?: Reached | undefined;
}
