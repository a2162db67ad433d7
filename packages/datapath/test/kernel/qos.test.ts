import { expect, test } from "vitest";
import { removeKernelDatapath } from "../../src/index.ts";
import { network, routed, wiring } from "../../src/testing/parties.ts";
import { qosSuite } from "../qos-suite.ts";
import { Machine } from "./machine.ts";

qosSuite("the plain kernel", async () => {
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

test("the end of the platform on a machine leaves no queue and no rule of QoS", async () => {
  await using machine = await Machine.start();
  await machine.kernel.createVeth({ name: "eth0", peer: "eth0x", mtu: 1500, up: true });
  const driver = await machine.open({ guaranteesOn: { link: "eth0", rate: 1e9 } });
  driver.setNetwork(routed(network("n7", "vlan", 100)));
  const limit = { rate: 1e6, burst: 65_536 };
  const qos = { ingress: limit, egress: limit, connections: 5 };
  await driver.attach(wiring("a", "n7", ["10.20.0.5"], { qos }), AbortSignal.timeout(5000));
  await driver.attach(wiring("b", "n7", ["10.20.0.6"], { qos: { guarantee: 1e6 } }), AbortSignal.timeout(5000));
  const traces = async () => {
    const links = (await machine.kernel.listLinks()).filter(({ kind }) => kind === "ifb").map(({ name }) => name);
    return [...links.toSorted(), ...((await machine.rules()).match(/holdfast_(qos|uplink)_hfr/g) ?? [])].toSorted();
  };
  await expect
    .poll(traces)
    .toEqual(["hfr1i", "hfr1o", "hfrup", "holdfast_qos_hfr", "holdfast_qos_hfr", "holdfast_uplink_hfr"]);
  await driver.close();
  await removeKernelDatapath({ namespace: machine.path, signal: AbortSignal.timeout(5000) });
  expect(await traces()).toEqual([]);
});
