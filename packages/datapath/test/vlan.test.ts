import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatapathDriver } from "../src/driver.ts";
import { network, on, wiring } from "../src/testing/parties.ts";
import { Fabric, Host, type Sandbox } from "./fabric.ts";

const signal = AbortSignal.timeout(60_000);

describe("a VLAN network on one host", () => {
  const undo = new AsyncDisposableStack();
  let fabric: Fabric;
  let host: Host;
  let driver: DatapathDriver;
  let a: Sandbox;
  let b: Sandbox;

  beforeAll(async () => {
    fabric = undo.use(await Fabric.start());
    host = undo.use(await Host.start());
    await fabric.join(host);
    await fabric.leg(100, on("10.20.0.1/24"), on("fd00:20::1/64"));
    driver = await host.open({ uplink: "eth1" });
    undo.defer(() => driver.close());
    driver.setNetwork(network("n7", "vlan", 100));
    const portA = await driver.attach(wiring("a", "n7", ["10.20.0.5", "fd00:20::5"]), signal);
    const portB = await driver.attach(wiring("b", "n7", ["10.20.0.6", "fd00:20::6"]), signal);
    await driver.synced(signal);
    a = undo.use(await host.plug(portA, [on("10.20.0.5/24"), on("fd00:20::5/64")]));
    b = undo.use(await host.plug(portB, [on("10.20.0.6/24"), on("fd00:20::6/64")]));
  });
  afterAll(() => undo.disposeAsync());

  test("its endpoints reach each other and the router", async () => {
    expect(await a.ping("10.20.0.6")).toBe(2);
    expect(await b.ping("10.20.0.1")).toBe(2);
    expect(await fabric.ping("10.20.0.5")).toBe(2);
    expect(await a.ping("fd00:20::6")).toBe(2);
    expect(await b.ping("fd00:20::1")).toBe(2);
    expect(await fabric.ping("fd00:20::5")).toBe(2);
    expect(driver.status()).toEqual([]);
  });

  test("after detach no frame enters or leaves", async () => {
    await driver.detach("b", signal);
    expect(await a.ping("10.20.0.6", 1)).toBe(0);
    expect(await fabric.ping("10.20.0.6", 1)).toBe(0);
    expect(await fabric.ping("10.20.0.5")).toBe(2);
  });
});

test("an uplink that has an address of the machine's own is refused", async () => {
  await using host = await Host.start();
  await host.kernel.createVeth({ name: "eth1", peer: "eth1x", mtu: 1500 });
  await host.kernel.replaceAddress({ link: "eth1", ...on("192.0.2.7/24") });
  await expect(host.open({ uplink: "eth1" })).rejects.toThrow("the uplink eth1 has the address 192.0.2.7/24");
  expect(await host.ovs.exec("ovs-vsctl", "list-br")).toBe("");
});
