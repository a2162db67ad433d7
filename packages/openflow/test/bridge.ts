import { silentLogger, systemClock } from "@holdfast/core";
import { connectOpenFlow, type OpenFlowSwitch } from "@holdfast/openflow";
import type { RunningOvs } from "@holdfast/ovsdb/testing";

/** Makes the bridge `br0`, userspace and without flows, and connects to it. */
export async function connectToBridge(
  ovs: RunningOvs,
  options: { readonly signal: AbortSignal; readonly onConnected?: () => void },
): Promise<OpenFlowSwitch> {
  const settings = ["set", "bridge", "br0", "datapath_type=netdev", "fail_mode=secure"];
  await ovs.exec("ovs-vsctl", "add-br", "br0", "--", ...settings);
  return connectOpenFlow(
    { logger: silentLogger, clock: systemClock },
    { path: ovs.managementSocket("br0"), ...options },
  );
}
