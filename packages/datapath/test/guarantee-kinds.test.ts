import { silentLogger } from "@holdfast/core";
import { expect, test } from "vitest";
import { openMachineDriver } from "../src/index.ts";
import { network, routed, wiring } from "../src/testing/parties.ts";
import { Fabric, Host } from "./fabric.ts";

const REFUSED =
  "the guarantee of endpoint b is not kept: eth1 keeps guarantees of routed networks, or of VLAN and VXLAN networks";

test("a machine keeps guarantees of routed networks or of switched ones on its uplink, and says so of the others", async () => {
  const signal = AbortSignal.timeout(30_000);
  await using fabric = await Fabric.start();
  await using host = await Host.start();
  await fabric.join(host);
  const driver = await openMachineDriver({
    datapath: "both",
    switchInUse: false,
    node: "node-1",
    spares: 4,
    datapathType: "auto",
    runDirectory: host.ovs.rundir,
    logger: silentLogger,
    namespace: host.path,
    uplink: "eth1",
    guaranteesOn: { link: "eth1", rate: 1e9 },
    signal,
  });
  try {
    driver.setNetwork(network("n7", "vlan", 100));
    driver.setNetwork(routed(network("n8", "vlan", 101, { prefixes: ["10.30.0.0/16"] })));
    await driver.synced(signal);
    const tables = () => host.ovs.exec("nft", "list", "tables", "netdev");
    const errors = () => driver.status().flatMap(({ error = [] }) => error);
    await driver.attach({ ...wiring("a", "n7", ["10.20.0.5"]), qos: { guarantee: 1e8 } }, signal);
    await expect.poll(tables).toContain("holdfast_uplink_hfp");
    await driver.attach({ ...wiring("b", "n8", ["10.30.0.5"]), qos: { guarantee: 1e8 } }, signal);
    await expect.poll(errors).toEqual([expect.stringContaining(REFUSED)]);
    expect(await tables()).not.toContain("holdfast_uplink_hfr");
    await driver.detach("a", signal);
    await expect.poll(tables, { timeout: 20_000 }).toContain("holdfast_uplink_hfr");
    await expect.poll(errors).toEqual([]);
    expect(await tables()).not.toContain("holdfast_uplink_hfp");
  } finally {
    await driver.close();
  }
}, 60_000);
