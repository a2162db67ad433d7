import { silentLogger, systemClock } from "@holdfast/core";
import { connectOpenFlow } from "@holdfast/openflow";
import { openFlowCompliance } from "@holdfast/openflow/testing";
import { startOvs } from "@holdfast/ovsdb/testing";

openFlowCompliance("Open vSwitch", async () => {
  const ovs = await startOvs();
  await ovs.exec(
    "ovs-vsctl",
    "add-br",
    "br0",
    "--",
    "set",
    "bridge",
    "br0",
    "datapath_type=netdev",
    "fail_mode=secure",
  );
  const openFlow = connectOpenFlow(
    { logger: silentLogger, clock: systemClock },
    { path: ovs.managementSocket("br0"), signal: new AbortController().signal },
  );
  return {
    openFlow,
    text: async () => {
      const text = await ovs.exec("ovs-ofctl", "-O", "OpenFlow14", "--no-stats", "--no-names", "dump-flows", "br0");
      return text
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== "");
    },
    [Symbol.asyncDispose]: async () => {
      await openFlow.close();
      await ovs.stop();
    },
  };
});
