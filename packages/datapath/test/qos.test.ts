import { silentLogger, systemClock } from "@holdfast/core";
import { createSwitchControl } from "@holdfast/ovsdb";
import { expect, test } from "vitest";
import { removeOvsDatapath } from "../src/index.ts";
import { network, on, wiring } from "../src/testing/parties.ts";
import { Host } from "./fabric.ts";
import { qosSuite } from "./qos-suite.ts";

function zoneLimits(host: Host): Promise<string> {
  const control = createSwitchControl({ clock: systemClock }, host.ovs.rundir);
  return control.ask("dpctl/ct-get-limits", ["netdev@ovs-netdev"], AbortSignal.timeout(5000));
}

qosSuite("Open vSwitch in user space", async () => {
  const host = await Host.start();
  const web = network("n7", "vlan", 100);
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
        endpoint.addresses.map((address) => on(`${address}/${address.includes(":") ? 64 : 24}`)),
      );
    },
    async traces() {
      const flows = (await host.flows()).replaceAll(/ (duration|n_packets|n_bytes|idle_age)=\S+/g, "");
      const meters = await host.ovs.exec(
        "ovs-ofctl",
        "-O",
        "OpenFlow14",
        "dump-meters",
        host.ovs.managementSocket("hf-int"),
      );
      const limits = (await zoneLimits(host)).replaceAll(/,count=\d+/g, "");
      const lines = [flows, meters, limits].flatMap((text) => text.split("\n"));
      return lines.filter((line) => /meter[:=]|type=drop|ip_dscp|^zone=/.test(line)).join("\n");
    },
    exec: (program, ...args) => host.ovs.exec(program, ...args),
    async [Symbol.asyncDispose]() {
      await driver.close();
      await host[Symbol.asyncDispose]();
    },
  };
});

test("a killed switch has the limits and marks of what endpoints send again", async () => {
  await using host = await Host.start();
  const driver = await host.open();
  await using _closed = { [Symbol.asyncDispose]: () => driver.close() };
  driver.setNetwork(network("n7", "vlan", 100));
  const egress = { rate: 40e6, burst: 65_536, packets: 10_000 };
  await driver.attach(
    wiring("a", "n7", ["10.20.0.5"], { qos: { egress, dscp: 10, connections: 7 } }),
    AbortSignal.timeout(5000),
  );
  await driver.synced(AbortSignal.timeout(5000));
  const bridge = host.ovs.managementSocket("hf-int");
  const meters = async () =>
    (await host.ovs.exec("ovs-ofctl", "-O", "OpenFlow14", "dump-meters", bridge)).split("\n").slice(1);
  const own = async () => (await host.flows()).match(/(meter:\d+|set_field:10->ip_dscp)/g)?.toSorted();
  const state = async () => [await meters(), await own(), await zoneLimits(host)];
  const before = await state();
  expect(before[2]).toContain("zone=33768,limit=7,count=0");
  expect(before[1]).toEqual(["meter:1000", "meter:66536", "set_field:10->ip_dscp"]);
  await host.ovs.restartSwitch("kill");
  await expect.poll(state, { timeout: 5000 }).toEqual(before);
}, 30_000);

test("the end of the platform on a machine leaves no number of connections in a datapath that goes on", async () => {
  await using host = await Host.start();
  await host.ovs.exec("ovs-vsctl", "add-br", "others", "--", "set", "bridge", "others", "datapath_type=netdev");
  const driver = await host.open();
  driver.setNetwork(network("n7", "vlan", 100));
  const qos = { connections: 7 };
  await driver.attach(wiring("a", "n7", ["10.20.0.5"], { qos }), AbortSignal.timeout(5000));
  expect(await zoneLimits(host)).toContain("limit=7");
  await driver.close();
  const options = { runDirectory: host.ovs.rundir, namespace: host.path, logger: silentLogger };
  await removeOvsDatapath({ ...options, signal: AbortSignal.timeout(5000) });
  expect(await zoneLimits(host)).not.toContain("limit=7");
  // Where nothing is left there is nothing to do.
  await host.ovs.exec("ovs-vsctl", "del-br", "others");
  await removeOvsDatapath({ ...options, signal: AbortSignal.timeout(5000) });
}, 30_000);

test("an endpoint with a guarantee has its own class of an uplink that the switch holds, by its MAC", async () => {
  await using host = await Host.start();
  await host.kernel.createVeth({ name: "eth1", peer: "eth1x", mtu: 1600, up: true });
  await host.kernel.setLink("eth1x", { up: true });
  const driver = await host.open({ uplink: "eth1", guaranteesOn: { link: "eth1", rate: 190e6 } });
  await using _closed = { [Symbol.asyncDispose]: () => driver.close() };
  driver.setNetwork(network("n7", "vlan", 100, { prefixes: ["10.20.0.0/24"] }));
  // So small a guarantee that all of it waits in the class.
  const endpoint = wiring("a", "n7", ["10.20.0.5"], { qos: { guarantee: 1e6 } });
  const port = await driver.attach(endpoint, AbortSignal.timeout(5000));
  await driver.synced(AbortSignal.timeout(5000));
  await using sandbox = await host.plug(port, [on("10.20.0.5/24")]);
  const rules = () => host.ovs.exec("nft", "list", "ruleset");
  await expect.poll(rules).toContain(`${endpoint.mac} : 4846:`);
  // Who is asked for does not exist: the questions leave by the uplink, tagged.
  await sandbox.ping("10.20.0.99", 1);
  const classes = await host.ovs.exec("tc", "-s", "class", "show", "dev", "hfpup");
  const own = /class htb 4846:(\S+) parent 4846:1 leaf \S+ prio 0 rate 1Mbit[\s\S]*?Sent (\d+) bytes/.exec(classes);
  expect(Number(own?.[2])).toBeGreaterThan(0);
  const arrived = await host.ovs.exec("ip", "-s", "link", "show", "eth1x");
  expect(Number(/RX:[^\n]*\n\s+(\d+)/.exec(arrived)?.[1])).toBeGreaterThan(0);
}, 30_000);
