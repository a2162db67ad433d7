import type { MacAddress } from "@holdfast/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AddressQuestion, DatapathDriver } from "../src/driver.ts";
import { ip, network, on, wiring } from "../src/testing/parties.ts";
import { Fabric, Host, type Sandbox } from "./fabric.ts";

const signal = AbortSignal.timeout(60_000);
const own = wiring("x", "n7", ["10.20.0.99"]).mac;

function question(...addresses: string[]): AddressQuestion {
  return { network: "n7", addresses: addresses.map(ip), mac: own, probes: 3, milliseconds: 300 };
}

describe("looking for an address in a VLAN", () => {
  const undo = new AsyncDisposableStack();
  let fabric: Fabric;
  let host: Host;
  let driver: DatapathDriver;
  let router: MacAddress;
  let a: Sandbox;

  beforeAll(async () => {
    fabric = undo.use(await Fabric.start());
    host = undo.use(await Host.start());
    await fabric.join(host);
    const leg = await fabric.leg(100, on("10.20.0.9/24"), on("fd00:20::9/64"));
    const link = await fabric.switch.kernel.getLink(leg);
    if (link?.mac === undefined) throw new TypeError("the leg has a MAC");
    router = link.mac;
    driver = await host.open({ uplink: "eth1" });
    undo.defer(() => driver.close());
    driver.setNetwork(network("n7", "vlan", 100));
    driver.setNetwork(network("n8", "vlan", 200));
    driver.setNetwork(network("n9", "vxlan", 4711));
    const port = await driver.attach(wiring("a", "n7", ["10.20.0.5"]), signal);
    await driver.synced(signal);
    a = undo.use(await host.plug(port, [on("10.20.0.5/24")]));
  });
  afterAll(() => undo.disposeAsync());

  test("names the MAC of the machine that answers over IPv4, without waiting for the rest of the time", async () => {
    const start = performance.now();
    expect(await driver.probe(question("10.20.0.9"), signal)).toEqual([{ address: "10.20.0.9", mac: router }]);
    expect(performance.now() - start).toBeLessThan(250);
  });

  test("names the MAC of the machine that answers over IPv6", async () => {
    const silent = question("10.20.0.77", "fd00:20::9");
    expect(await driver.probe(silent, signal)).toEqual([{ address: "fd00:20::9", mac: router }]);
  });

  test("finds nobody for a free address, and takes as long as it was told and no longer", async () => {
    const start = performance.now();
    expect(await driver.probe(question("10.20.0.77", "fd00:20::77"), signal)).toEqual([]);
    const took = performance.now() - start;
    expect(took).toBeGreaterThan(295);
    expect(took).toBeLessThan(500);
  });

  test("does not take the endpoint's own MAC for another", async () => {
    expect(await driver.probe({ ...question("10.20.0.9"), mac: router }, signal)).toEqual([]);
  });

  test("asks in the network's own VLAN", async () => {
    expect(await driver.probe({ ...question("10.20.0.9"), network: "n8" }, signal)).toEqual([]);
  });

  test("leaves no flow behind, and who was asked goes on hearing what others say", async () => {
    await driver.probe(question("10.20.0.9"), signal);
    await expect.poll(() => host.flows()).not.toContain("CONTROLLER");
    const looking = driver.probe(question("10.20.0.78"), signal);
    expect(await a.ping("10.20.0.9")).toBe(2);
    expect(await looking).toEqual([]);
  });

  test("can be done after the switch was killed", async () => {
    await host.ovs.restartSwitch("kill");
    const tried = async (): Promise<unknown> =>
      driver.probe(question("10.20.0.9"), signal).catch((error: unknown) => error);
    await expect.poll(tried, { timeout: 15_000, interval: 50 }).toEqual([{ address: "10.20.0.9", mac: router }]);
  });

  test("is refused at once where there is no way to the VLAN", async () => {
    await expect(driver.probe({ ...question("10.20.0.9"), network: "n9" }, signal)).rejects.toMatchObject({
      code: "unavailable",
    });
  });
});
