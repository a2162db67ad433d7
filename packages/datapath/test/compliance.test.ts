import { driverCompliance } from "../src/testing/driver-compliance.ts";
import { ownAddresses, TENANTS_NETWORKS } from "../src/testing/parties.ts";
import { Host } from "./fabric.ts";

driverCompliance("Open vSwitch with an uplink", { networks: TENANTS_NETWORKS }, async () => {
  const host = await Host.start();
  // An uplink into nothing.
  await host.kernel.createVeth({ name: "eth1", peer: "eth1x", mtu: 9100 });
  return {
    kernel: host.kernel,
    open: () => host.open({ uplink: "eth1", tunnelAddress: "192.168.50.11/24" }),
    openings: () => ownAddresses(host.kernel),
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
});
