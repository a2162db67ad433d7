import { ovsdbCompliance } from "../src/testing/ovsdb-compliance.ts";
import { startOvs } from "../src/testing/start-ovs.ts";

ovsdbCompliance("ovsdb-server and ovs-vswitchd", async () => {
  const ovs = await startOvs();
  return {
    path: ovs.socket,
    async addDevice(name) {
      await ovs.exec("ip", "link", "add", name, "type", "veth", "peer", "name", `p${name}`);
    },
    restartDatabase: () => ovs.restartDatabase("kill"),
    [Symbol.asyncDispose]: () => ovs.stop(),
  };
});
