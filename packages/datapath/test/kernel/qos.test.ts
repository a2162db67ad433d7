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
    const links = (await machine.kernel.listLinks())
      .map(({ name }) => name)
      .filter((name) => /^hfr(\d+\D|up)/.test(name));
    return [...links, ...((await machine.rules()).match(/holdfast_(qos|uplink)_hfr/g) ?? [])].toSorted();
  };
  await expect
    .poll(traces)
    .toEqual(["hfr1b", "hfr1i", "hfr1w", "hfrup", "holdfast_qos_hfr", "holdfast_qos_hfr", "holdfast_uplink_hfr"]);
  await driver.close();
  await removeKernelDatapath({ namespace: machine.path, signal: AbortSignal.timeout(5000) });
  expect(await traces()).toEqual([]);
});

test("the ifb in which an earlier version let wait what an endpoint sends is left empty, and goes", async () => {
  await using machine = await Machine.start();
  const qos = { egress: { rate: 1e6, burst: 65_536 } };
  const open = async () => {
    const driver = await machine.open();
    driver.setNetwork(routed(network("n7", "vlan", 100)));
    await driver.attach(wiring("a", "n7", ["10.20.0.5"], { qos }), AbortSignal.timeout(5000));
    return driver;
  };
  await (await open()).close();
  await machine.sandbox.exec("ip", "link", "add", "hfr1o", "type", "ifb");
  await machine.sandbox.exec("ip", "link", "set", "hfr1o", "up", "alias", "holdfast endpoint a");
  const driver = await open();
  await using _closed = { [Symbol.asyncDispose]: () => driver.close() };
  await driver.synced(AbortSignal.timeout(5000));
  expect(await machine.kernel.getLink("hfr1o")).toBeUndefined();
  expect(await machine.kernel.getLink("hfr1w")).toMatchObject({ kind: "veth", alias: "holdfast endpoint a", up: true });
});

test("half a queue, as an agent that was killed leaves it, is made anew", async () => {
  await using machine = await Machine.start();
  const driver = await machine.open();
  await using _closed = { [Symbol.asyncDispose]: () => driver.close() };
  driver.setNetwork(routed(network("n7", "vlan", 100)));
  const qos = { egress: { rate: 1e6, burst: 65_536 } };
  await driver.attach(wiring("a", "n7", ["10.20.0.5"]), AbortSignal.timeout(5000));
  await machine.kernel.createVeth({ name: "hfr1w", peer: "hfr1b", mtu: 1500, alias: "holdfast endpoint a" });
  await driver.attach(wiring("a", "n7", ["10.20.0.5"], { qos }), AbortSignal.timeout(5000));
  const [own, back] = [await machine.kernel.getLink("hfr1"), await machine.kernel.getLink("hfr1b")];
  expect(back).toMatchObject({ mac: own?.mac, mtu: 65_535, up: true, carrier: true });
  const filters = await machine.sandbox.exec("tc", "filter", "show", "dev", "hfr1b", "ingress");
  expect(filters).toContain("mirred (Ingress Redirect to device hfr1)");
});
