import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { record } from "../recording.ts";
import { tcpTransfer } from "../traffic.ts";
import { ROUTER, STRANGER } from "./company.ts";
import { isGateway, masquerades } from "./local-mode.ts";
import { getsNoAnswer, type Member, reaches, SILENT, until, type World } from "./world.ts";

/** What must hold where the kernel forwards; the later steps change the world for those that follow. */
export interface Step {
  readonly name: string;
  run(world: World): Promise<void>;
}

const MEBIBYTE = 1024 * 1024;

export const steps: readonly Step[] = [
  { name: "the driver chooses the kernel's datapath and leaves offloads alone", run: choosesSystem },
  { name: "VLAN: endpoints, a neighbour on another machine, and a router that tags with 8021q", run: carriesVlan },
  { name: "VXLAN: an endpoint on another machine, and one behind the kernel's own vxlan", run: carriesVxlan },
  { name: "ARP requests are answered by flows, again and again", run: answersArp },
  { name: "neighbour solicitations find whom they are about, and nobody else hears them", run: leadsSolicitations },
  { name: "frames from a forged address or MAC pass neither cold nor hot flows", run: guardsSources },
  { name: "another tenant with the same addresses is out of reach", run: separatesTenants },
  { name: "TCP with offloads on: the payload arrives as it was", run: carriesTcp },
  { name: "a restarted driver changes nothing and loses no packet", run: restartsSilently },
  { name: "all is as before when ovs-vswitchd was killed", run: survivesKill },
  { name: "after detach no frame enters or leaves", run: detaches },
  { name: "local mode: the machine is the gateway of its networks", run: isGateway },
  { name: "local mode: what iptables masquerades reaches the outside", run: masquerades },
];

async function choosesSystem({ machines: [{ host, driver }] }: World): Promise<void> {
  for (const bridge of ["hf-int", "hf-up"]) {
    assert.equal((await host.ovs.exec("ovs-vsctl", "get", "bridge", bridge, "datapath_type")).trim(), "system");
  }
  const ports = await host.ovs.exec("ovs-dpctl", "show", "system@ovs-system");
  for (const port of ["eth1", "hfp1000", "vxlan_sys_4789"]) assert(ports.includes(`: ${port}`), ports);
  assert.match(await host.ovs.exec("ethtool", "-k", "eth1"), /tcp-segmentation-offload: on/);
  assert.match(await host.ovs.exec("ethtool", "-k", "hfp1000"), /tx-checksumming: on/);
  assert.deepEqual(driver.status(), []);
}

async function carriesVlan(world: World): Promise<void> {
  await reaches(world.at("vlan-a"), "10.20.0.6", "fd00:20::6", "10.20.0.7", "fd00:20::7", ROUTER.v4, ROUTER.v6);
  await reaches(world.company.inside, "10.20.0.5", "fd00:20::5", "10.20.0.7", "fd00:20::7");
}

async function carriesVxlan(world: World): Promise<void> {
  await reaches(world.at("vxlan-a"), "10.30.0.6", "fd00:30::6", STRANGER.v4, STRANGER.v6);
  await reaches(world.company.inside, "10.30.0.5", "fd00:30::5", "10.30.0.6", "fd00:30::6");
}

async function answersArp(world: World): Promise<void> {
  const { sandbox, port } = world.member("vxlan-a");
  const args = ["-b", "-c", "3", "-w", "10", "-I", port.containerInterface];
  const replies = await sandbox.exec("busybox", "arping", ...args, "10.30.0.66");
  assert.match(replies, /Received 3 response/);
  assert.equal(replies.split(SILENT.mac).length - 1, 3, replies);
  // A question for nobody's address is dropped at once.
  const unknown = sandbox.exec("busybox", "arping", "-c", "1", "-w", "1", "-I", port.containerInterface, "10.30.0.200");
  assert.match(await unknown.catch((error: { stdout: string }) => error.stdout), /Received 0 response/);
}

async function leadsSolicitations(world: World): Promise<void> {
  const asks = async (from: string, address: string): Promise<string> => {
    const { sandbox, port } = world.member(from);
    await sandbox.exec("ip", "-6", "neigh", "flush", "dev", port.containerInterface);
    await sandbox.ping(address, 2);
    return await sandbox.exec("ip", "-6", "neigh", "show", address);
  };
  const finds = async (from: string, address: string, to: string): Promise<void> => {
    const mac = world.member(to).wiring.mac;
    assert.match(await asks(from, address), new RegExp(`lladdr ${mac} (REACHABLE|DELAY|PROBE)`));
  };
  assert.equal(await heard(world.member("vlan-c"), () => finds("vlan-a", "fd00:20::6", "vlan-b")), 0);
  assert.equal(await heard(world.member("rival"), () => finds("vxlan-a", "fd00:30::6", "vxlan-b")), 0);
  // Again, over the flows that the kernel has by now.
  await finds("vlan-a", "fd00:20::6", "vlan-b");
  await finds("vxlan-a", "fd00:30::6", "vxlan-b");
  // Who is nobody of ours may be a machine of the company's: everybody in the VLAN is asked.
  assert.notEqual(await heard(world.member("vlan-c"), () => asks("vlan-a", "fd00:20::200")), 0);
}

/** How many neighbour solicitations to all that are not its own somebody hears meanwhile. */
async function heard({ sandbox, port, wiring }: Member, action: () => Promise<unknown>): Promise<number> {
  const filter = `icmp6 and ip6[40] = 135 and ether multicast and not ether src ${wiring.mac}`;
  const tcpdump = ["tcpdump", "-lnp", "-Z", "root", "-i", port.containerInterface, filter];
  // Its end by the time limit is an error that has what was printed.
  const capture = sandbox.exec("timeout", "8", ...tcpdump).catch((error: { stdout: string }) => error.stdout);
  await wait(2000);
  await action();
  return (await capture).split("\n").filter((line) => line.includes("neighbor solicitation")).length;
}

async function guardsSources(world: World): Promise<void> {
  const { sandbox, port, wiring } = world.member("vlan-a");
  const link = port.containerInterface;
  await sandbox.exec("ip", "address", "add", "10.20.0.77/24", "dev", link);
  await sandbox.exec("ip", "address", "add", "fd00:20::77/64", "dev", link, "nodad", "preferred_lft", "0");
  for (const asker of [world.company.inside, world.at("vlan-b"), world.at("vlan-c")]) {
    await getsNoAnswer(asker, "10.20.0.77", "fd00:20::77");
  }
  const forged = async (): Promise<string> => {
    const args = ["-n", "-q", "-c", "2", "-i", "0.05", "-W", "1", "-I", "10.20.0.77", "10.20.0.6"];
    return await sandbox.exec("ping", ...args).catch((error: { stdout: string }) => error.stdout);
  };
  await reaches(sandbox, "10.20.0.6", ROUTER.v6);
  assert.match(await forged(), / 0 received/);
  await sandbox.exec("ip", "link", "set", link, "address", "02:66:66:66:66:66");
  await getsNoAnswer(sandbox, "10.20.0.6", ROUTER.v4);
  await sandbox.exec("ip", "link", "set", link, "address", wiring.mac);
  await reaches(sandbox, "10.20.0.6", ROUTER.v4);
}

async function separatesTenants(world: World): Promise<void> {
  await reaches(world.at("vxlan-b"), "10.30.0.5", "fd00:30::5");
  await getsNoAnswer(world.at("rival"), "10.30.0.6", "fd00:30::6", STRANGER.v4);
}

async function carriesTcp(world: World): Promise<void> {
  const outside = world.company.inside.path;
  const ways: readonly (readonly [from: string, to: string, address: string])[] = [
    [world.at("vlan-a").path, world.at("vlan-b").path, "10.20.0.6"],
    [world.at("vlan-a").path, world.at("vlan-c").path, "fd00:20::7"],
    [world.at("vxlan-a").path, world.at("vxlan-b").path, "10.30.0.6"],
    [world.at("vlan-a").path, outside, ROUTER.v4],
    [outside, world.at("vlan-c").path, "10.20.0.7"],
    [world.at("vxlan-a").path, outside, STRANGER.v6],
    [outside, world.at("vxlan-b").path, "10.30.0.6"],
  ];
  for (const [from, path, address] of ways) {
    const { right, bytes } = await tcpTransfer(from, { path, address }, 4 * MEBIBYTE);
    assert(right && bytes === 4 * MEBIBYTE, `to ${address}: ${bytes} bytes, as sent: ${right}`);
  }
}

async function restartsSilently(world: World): Promise<void> {
  const [machine] = world.machines;
  await reaches(world.at("vlan-a"), "10.20.0.7");
  // Until spares are plugged and endpoints written down.
  await wait(5000);
  const recording = await record(machine.host, ["hf-int", "hf-up"]);
  const pings = world.at("vlan-a").exec("ping", "-n", "-q", "-c", "100", "-i", "0.1", "-W", "3", "10.20.0.7");
  await machine.driver.close();
  await world.reopen(machine);
  assert.deepEqual(machine.driver.status(), []);
  assert.match(await pings, / 100 received/);
  assert.deepEqual(await recording.stop(), []);
}

async function survivesKill(world: World): Promise<void> {
  const [{ host, driver }] = world.machines;
  const count = async (): Promise<number> => (await host.flows()).split("\n").length;
  const before = await count();
  await host.ovs.restartSwitch("kill");
  await until("switch as before", async () => driver.status().length === 0 && (await count()) === before);
  await carriesVlan(world);
  await carriesVxlan(world);
}

async function detaches(world: World): Promise<void> {
  const { wiring, port, machine } = world.member("vlan-b");
  await reaches(world.at("vlan-a"), "10.20.0.6");
  await machine.driver.detach(wiring.id, world.signal);
  await getsNoAnswer(world.at("vlan-a"), "10.20.0.6", "fd00:20::6");
  await getsNoAnswer(world.company.inside, "10.20.0.6", "fd00:20::6");
  await reaches(world.company.inside, "10.20.0.5");
  await until(
    "end of the interface",
    async () => (await machine.host.kernel.getLink(port.hostInterface)) === undefined,
  );
}
