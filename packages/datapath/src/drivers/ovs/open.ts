import { access } from "node:fs/promises";
import { type Clock, HoldfastError, type Logger, type Reached, systemClock } from "@holdfast/core";
import { createTrafficControl } from "@holdfast/netlink";
import { connectOpenFlow } from "@holdfast/openflow";
import {
  connectOvsdb,
  createOpenVSwitch,
  createSwitchControl,
  OPEN_VSWITCH_MONITORS,
  type OpenVSwitch,
} from "@holdfast/ovsdb";
import type { DatapathDriver } from "../../driver.ts";
import { createHostTools } from "../../machine/host-tools.ts";
import { writeKernelLog } from "../../machine/kernel-log.ts";
import { type MachineKernelOptions, machineKernel, machineNetfilter } from "../../machine/machine-kernel.ts";
import { withCleanup } from "../../machine/with-cleanup.ts";
import { createOvsDriver } from "./driver.ts";
import { type DatapathType, type OvsDriverOptions, readSettings } from "./options.ts";
import type { PacketLog } from "./policy/rule-log.ts";
import { connectionTracking } from "./policy/tracked-connections.ts";
import { zoneLimits } from "./zone-limits.ts";

export interface OpenOvsOptions extends OvsDriverOptions, MachineKernelOptions {
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly reached?: Reached | undefined;
  /** Where rules with `log` write. Default: the kernel's log. */
  readonly packetLog?: PacketLog;
  /** Ends the wait for the switch; afterwards `close` ends the driver. */
  readonly signal: AbortSignal;
}

/** A driver on the Open vSwitch and the kernel of this machine. */
export async function openOvsDriver(options: OpenOvsOptions): Promise<DatapathDriver> {
  const { logger, clock = systemClock, runDirectory, signal, namespace, packetLog = writeKernelLog } = options;
  await using undo = new AsyncDisposableStack();
  const kernel = await machineKernel(options, undo);
  const path = `${runDirectory}/db.sock`;
  const ovsdb = await connectOvsdb(
    { logger, clock },
    { path, database: "Open_vSwitch", monitors: OPEN_VSWITCH_MONITORS, signal },
  );
  undo.defer(() => ovsdb.close());
  const ovs = createOpenVSwitch(ovsdb);
  const settings = readSettings(options, await chooseDatapath(options.datapathType, ovs));
  const netfilter = await machineNetfilter(options, undo);
  const traffic = await createTrafficControl(namespace);
  undo.defer(async () => traffic.close());
  const ended = new AbortController();
  undo.defer(() => ended.abort());
  const control = createSwitchControl({ clock }, runDirectory);
  const driver = await createOvsDriver(
    {
      kernel,
      ovsdb,
      ovs,
      host: createHostTools(namespace),
      netfilter,
      traffic,
      tracking: connectionTracking({ control, clock }, settings.datapathType),
      // That the kernel's datapath has meters was never tried.
      packetLog: settings.datapathType === "netdev" ? packetLog : undefined,
      zoneLimits: zoneLimits(control, settings.datapathType),
      logger,
      clock,
      reached: options.reached,
      connectSwitch: (bridge, onConnected) =>
        connectOpenFlow(
          { logger, clock },
          { path: `${runDirectory}/${bridge}.mgmt`, signal: ended.signal, onConnected },
        ),
    },
    settings,
    signal,
  );
  const opened = undo.move();
  return withCleanup(driver, () => opened.disposeAsync());
}

/** ovs-vswitchd lists `system` whether or not the kernel has the module, so that is looked up. */
async function chooseDatapath(wanted: DatapathType | "auto", ovs: OpenVSwitch): Promise<DatapathType> {
  const offered = ovs.root().datapathTypes;
  const hasModule = await access("/sys/module/openvswitch").then(
    () => true,
    () => false,
  );
  const type = wanted === "auto" ? (hasModule ? "system" : "netdev") : wanted;
  if (type === "system" && !hasModule) {
    throw new HoldfastError("unavailable", "the kernel has no openvswitch module; load it or use the datapath netdev");
  }
  if (!offered.includes(type)) {
    throw new HoldfastError(
      "unavailable",
      `ovs-vswitchd has no datapath ${type}, only ${offered.join(", ")}; is it running?`,
    );
  }
  return type;
}
