import { TENANTS_NETWORKS } from "../src/testing/parties.ts";
import { policyCompliance } from "../src/testing/policy-compliance.ts";
import { Host } from "./fabric.ts";
import { SandboxParty } from "./policy-party.ts";

policyCompliance("Open vSwitch", { networks: TENANTS_NETWORKS, packets: true }, async () => {
  const undo = new AsyncDisposableStack();
  const host = undo.use(await Host.start());
  // An uplink into nothing.
  await host.kernel.createVeth({ name: "eth1", peer: "eth1x", mtu: 9100 });
  return {
    open: () => host.open({ uplink: "eth1", tunnelAddress: "192.168.50.11/24" }),
    async plug(port, { addresses }) {
      const lengths = addresses.map((address) => ({ address, length: address.includes(":") ? 64 : 24 }));
      const sandbox = undo.use(await host.plug(port, lengths));
      return undo.use(await SandboxParty.start(sandbox.path));
    },
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  };
});
