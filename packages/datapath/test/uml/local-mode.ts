import assert from "node:assert/strict";
import type { DatapathDriver } from "../../src/driver.ts";
import { ip, network, on, wiring } from "../../src/testing/parties.ts";
import { createSandbox, Host, Sandbox } from "../fabric.ts";
import { tcpTransfer } from "../traffic.ts";
import { getsNoAnswer, reaches, type World } from "./world.ts";

/** A machine somewhere else, which knows nothing of containers' prefixes. */
const OUTSIDE = "198.51.100.2";
const MEBIBYTE = 1024 * 1024;

interface LocalMachine {
  readonly host: Host;
  readonly driver: DatapathDriver;
  readonly outside: Sandbox;
  readonly a: Sandbox;
  readonly b: Sandbox;
}

async function start(signal: AbortSignal): Promise<LocalMachine> {
  const host = await Host.start();
  const outside = await createSandbox();
  await host.kernel.createVeth({ name: "out0", peer: "out1", mtu: 1500, up: true });
  await host.kernel.setLink("out1", { namespace: outside.path });
  await host.kernel.replaceAddress({ link: "out0", ...on("198.51.100.1/24") });
  await outside.kernel.replaceAddress({ link: "out1", ...on(`${OUTSIDE}/24`) });
  await outside.kernel.setLink("out1", { up: true });
  // What dockerd does.
  await host.ovs.exec("iptables", "-P", "FORWARD", "DROP");
  const driver = await host.open({ node: "node-3", spares: 2, signal });
  driver.setNetwork(network("n1", "vlan", 100));
  driver.setNetwork(network("n2", "vxlan", 200, { prefixes: ["10.21.0.0/24"] }));
  await driver.synced(signal);
  const portA = await driver.attach(wiring("a", "n1", ["10.20.0.5", "fd00:20::5"]), signal);
  const portB = await driver.attach(wiring("b", "n2", ["10.21.0.5"]), signal);
  const a = await host.plug(portA, [on("10.20.0.5/24"), on("fd00:20::5/64")], ip("10.20.0.1"));
  const b = await host.plug(portB, [on("10.21.0.5/24")], ip("10.21.0.1"));
  return { host, driver, outside, a, b };
}

let started: Promise<LocalMachine> | undefined;

function machine({ signal }: World): Promise<LocalMachine> {
  started ??= start(signal);
  return started;
}

export async function isGateway(world: World): Promise<void> {
  const { host, driver, a, b } = await machine(world);
  assert.equal((await host.ovs.exec("ovs-vsctl", "get", "bridge", "hf-int", "datapath_type")).trim(), "system");
  await reaches(a, "10.20.0.1", "fd00:20::1", "10.21.0.5");
  await reaches(b, "10.21.0.1", "10.20.0.5");
  await reaches(new Sandbox(host.path, host.kernel), "10.20.0.5", "fd00:20::5", "10.21.0.5");
  // This guest's kernel has nftables without the families inet and arp, and that is all that is wrong.
  assert.deepEqual(
    driver.status().map(({ row }) => row),
    ["firewall gateway"],
  );
  assert.match(driver.status()[0]?.error ?? "", /nft refused the rules: .*not supported/);
}

/** The rule is this test's own, because our own is in nftables; that we let packets pass `FORWARD` is the driver's doing. */
export async function masquerades(world: World): Promise<void> {
  const { host, outside, a } = await machine(world);
  await getsNoAnswer(a, OUTSIDE);
  const rule = ["-t", "nat", "-A", "POSTROUTING", "-s", "10.20.0.0/24", "-o", "out0", "-j", "MASQUERADE"];
  await host.ovs.exec("iptables", ...rule);
  await reaches(a, OUTSIDE);
  const target = { path: outside.path, address: OUTSIDE };
  assert.equal((await tcpTransfer(a.path, target, 4 * MEBIBYTE)).right, true);
}
