import { driverCompliance } from "../src/testing/driver-compliance.ts";
import { Host } from "./fabric.ts";

driverCompliance("Open vSwitch with an uplink", async () => {
  const host = await Host.start();
  // An uplink into nothing.
  await host.kernel.createVeth({ name: "eth1", peer: "eth1x", mtu: 9100 });
  return {
    kernel: host.kernel,
    open: () => host.open({ uplink: "eth1", tunnelAddress: "192.168.50.11/24" }),
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
});
