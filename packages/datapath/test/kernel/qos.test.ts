import { network, routed } from "../../src/testing/parties.ts";
import { qosSuite } from "../qos-suite.ts";
import { Machine } from "./machine.ts";

qosSuite("the plain kernel", { limitsEgress: true, countsConnections: true }, async () => {
  const machine = await Machine.start();
  const web = routed(network("n7", "vlan", 100));
  const opened = async () => {
    const driver = await machine.open();
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
      return machine.plug(port, endpoint.addresses);
    },
    exec: (program, ...args) => machine.sandbox.exec(program, ...args),
    async [Symbol.asyncDispose]() {
      await driver.close();
      await machine[Symbol.asyncDispose]();
    },
  };
});
