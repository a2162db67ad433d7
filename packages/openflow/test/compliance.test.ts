import { openFlowCompliance } from "@holdfast/openflow/testing";
import { startOvs } from "@holdfast/ovsdb/testing";
import { connectToBridge } from "./bridge.ts";

openFlowCompliance("Open vSwitch", async () => {
  const ovs = await startOvs();
  const openFlow = await connectToBridge(ovs, { signal: new AbortController().signal });
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
