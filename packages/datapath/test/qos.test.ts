import { network, on } from "../src/testing/parties.ts";
import { Host } from "./fabric.ts";
import { qosSuite } from "./qos-suite.ts";

qosSuite("Open vSwitch in user space", { limitsEgress: false, countsConnections: false }, async () => {
  const host = await Host.start();
  const web = network("n7", "vlan", 100, { prefixes: ["10.20.0.0/24"] });
  const opened = async () => {
    const driver = await host.open();
    driver.setNetwork(web);
    return driver;
  };
  let driver = await opened();
  await driver.synced(AbortSignal.timeout(5000));
  return {
    get driver() {
      return driver;
    },
    async restart(endpoints) {
      await driver.close();
      driver = await opened();
      for (const each of endpoints) await driver.attach(each, AbortSignal.timeout(5000));
      await driver.synced(AbortSignal.timeout(5000));
    },
    async plug(endpoint) {
      const port = await driver.attach(endpoint, AbortSignal.timeout(5000));
      return host.plug(
        port,
        endpoint.addresses.map((address) => on(`${address}/24`)),
      );
    },
    exec: (program, ...args) => host.ovs.exec(program, ...args),
    async [Symbol.asyncDispose]() {
      await driver.close();
      await host[Symbol.asyncDispose]();
    },
  };
});
