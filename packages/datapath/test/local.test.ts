import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatapathDriver, EndpointWiring } from "../src/driver.ts";
import { ip, network, on, wiring } from "../src/testing/parties.ts";
import { createSandbox, Host, type Sandbox } from "./fabric.ts";
import { record } from "./recording.ts";
import { Traffic, tcpTransfer } from "./traffic.ts";

const MEBIBYTE = 1024 * 1024;
const signal = AbortSignal.timeout(80_000);

/** A machine somewhere else, which knows nothing of containers' prefixes. */
const OUTSIDE = "198.51.100.2";

const NETWORKS = [
  network("n1", "vlan", 100),
  network("n2", "vxlan", 200, { prefixes: ["10.21.0.0/24"] }),
  network("n3", "vlan", 101, { tenant: "rival", prefixes: ["10.22.0.0/24"] }),
  network("n4", "vlan", 102, { tenant: "rival" }),
];

describe("a machine without an uplink", () => {
  const undo = new AsyncDisposableStack();
  let host: Host;
  let driver: DatapathDriver;
  let outside: Sandbox;
  const sandboxes = new Map<string, Sandbox>();
  const wirings: EndpointWiring[] = [];

  const at = (name: string): Sandbox => sandboxes.get(name) ?? expect.unreachable();

  const place = async (name: string, net: string, address: string, more: { v6?: string; ports?: number[] } = {}) => {
    const { v6, ports = [] } = more;
    const endpoint = wiring(name, net, v6 === undefined ? [address] : [address, v6], {
      ports: ports.map((hostPort) => ({ protocol: "tcp", hostPort, containerPort: 7100 })),
    });
    wirings.push(endpoint);
    const port = await driver.attach(endpoint, signal);
    const addresses = [on(`${address}/24`), ...(v6 === undefined ? [] : [on(`${v6}/64`)])];
    const gateway = ip(address.replace(/\d+$/, "1"));
    sandboxes.set(name, undo.use(await host.plug(port, addresses, gateway)));
  };

  beforeAll(async () => {
    host = undo.use(await Host.start());
    outside = undo.use(await createSandbox());
    await host.kernel.createVeth({ name: "out0", peer: "out1", mtu: 1500, up: true });
    await host.kernel.setLink("out1", { namespace: outside.path });
    await host.kernel.replaceAddress({ link: "out0", ...on("198.51.100.1/24") });
    await outside.kernel.replaceAddress({ link: "out1", ...on(`${OUTSIDE}/24`) });
    await outside.kernel.setLink("out1", { up: true });
    // What dockerd does, before or after us.
    await host.ovs.exec("iptables", "-P", "FORWARD", "DROP");
    driver = await host.open();
    undo.defer(() => driver.close());
    for (const net of NETWORKS) driver.setNetwork(net);
    await driver.synced(signal);
    await place("a", "n1", "10.20.0.5", { v6: "fd00:20::5", ports: [8080] });
    await place("b", "n1", "10.20.0.6", { v6: "fd00:20::6" });
    await place("c", "n2", "10.21.0.5");
    await place("rival", "n3", "10.22.0.5");
    await place("twin", "n4", "10.20.0.5", { ports: [8081] });
  });
  afterAll(() => undo.disposeAsync());

  test("reaches its containers by their addresses, and they reach it and each other", async () => {
    const machine = {
      ping: (address: string) => host.ovs.exec("ping", "-n", "-q", "-c", "2", "-i", "0.05", "-W", "1", address),
    };
    expect(await machine.ping("10.20.0.5")).toContain(" 2 received");
    expect(await machine.ping("10.21.0.5")).toContain(" 2 received");
    expect(await machine.ping("fd00:20::5")).toContain(" 2 received");
    expect(await at("a").ping("10.20.0.1")).toBe(2);
    expect(await at("a").ping("10.20.0.6")).toBe(2);
    expect(await at("a").ping("fd00:20::1")).toBe(2);
  });

  test("routes between networks of a tenant, not between tenants", async () => {
    expect(await at("a").ping("10.21.0.5")).toBe(2);
    expect(await at("c").ping("10.20.0.6")).toBe(2);
    expect(await at("a").ping("10.22.0.5", 1)).toBe(0);
    expect(await at("rival").ping("10.20.0.5", 1)).toBe(0);
  });

  test("masquerades what leaves it, past a FORWARD policy of drop", async () => {
    expect(await at("a").ping(OUTSIDE)).toBe(2);
    const target = { path: outside.path, address: OUTSIDE };
    expect(await tcpTransfer(at("a").path, target, 4 * MEBIBYTE)).toMatchObject({ right: true });
    const back = { path: at("a").path, address: "10.20.0.5" };
    expect(await tcpTransfer(host.path, back, 4 * MEBIBYTE)).toMatchObject({ right: true });
  });

  test("says that the gateway of an overlapping network is not here", async () => {
    expect(driver.status()).toEqual([
      { row: "gateways n4", state: "error", attempts: 1, error: expect.stringContaining("overlaps 10.20.0.0/24") },
      { row: "ports twin", state: "error", attempts: 1, error: expect.stringContaining("are not published") },
    ]);
    // Else the port would lead to the other network's container of the same address.
    expect(await host.ovs.exec("nft", "list", "map", "inet", "holdfast", "ports4")).not.toContain("8081");
    expect(await at("twin").ping("10.20.0.1", 1)).toBe(0);
  });

  test("answers for a gateway once, with the gateway's MAC", async () => {
    await at("a").exec("ip", "neigh", "flush", "dev", "hfc1000");
    const replies = await at("a").exec("busybox", "arping", "-c", "2", "-w", "2", "-I", "hfc1000", "10.20.0.1");
    expect(replies).toContain("0e:68:66:00:00:01");
    expect(replies).toMatch(/Received 2 response/);
  });

  test("does not take frames that an endpoint sends to the link's own MAC", async () => {
    const mac = (await host.kernel.getLink("hfp1000"))?.mac ?? "";
    await at("a").exec("ip", "neigh", "replace", "10.20.0.1", "lladdr", mac, "dev", "hfc1000");
    expect(await at("a").ping(OUTSIDE, 1)).toBe(0);
    await at("a").exec("ip", "neigh", "del", "10.20.0.1", "dev", "hfc1000");
    expect(await at("a").ping(OUTSIDE, 1)).toBe(1);
  });

  test.each([
    { name: "a machine outside", from: () => outside, address: "198.51.100.1" },
    { name: "a container of the same network", from: () => at("b"), address: "10.20.0.1" },
    { name: "the container itself", from: () => at("a"), address: "198.51.100.1" },
    { name: "the machine by an address of its own", from: () => host, address: "198.51.100.1" },
    { name: "the machine by its loopback", from: () => host, address: "127.0.0.1" },
  ])("a published port is reached by $name", async ({ from, address }) => {
    await using server = Traffic.start(at("a").path, "tcp-serve", "0.0.0.0", 7100);
    await server.next();
    await using client = Traffic.start(from().path, "tcp-send", address, 8080, 100_000);
    expect(await client.next()).toMatchObject({ right: true });
  });

  test("changes nothing when the driver is restarted", async () => {
    await wait(1500);
    const rules = await host.ovs.exec("nft", "-a", "list", "ruleset");
    const recording = await record(host, ["hf-int"]);
    await driver.close();
    driver = await host.open();
    // One after the other, in another order: what is known first must not undo what is still to come.
    for (const endpoint of wirings.toReversed()) {
      const net = NETWORKS.find(({ id }) => id === endpoint.network);
      if (net !== undefined) driver.setNetwork(net);
      await driver.attach(endpoint, signal);
    }
    await driver.synced(signal);
    await wait(300);
    expect(await recording.stop()).toEqual([]);
    expect(await host.ovs.exec("nft", "-a", "list", "ruleset")).toBe(rules);
    expect(await at("a").ping(OUTSIDE)).toBe(2);
  });

  test("has its gateways again when ovs-vswitchd was killed, which takes their devices with it", async () => {
    await host.ovs.restartSwitch("kill");
    await expect.poll(() => at("a").ping(OUTSIDE, 1), { timeout: 10_000 }).toBe(1);
    await expect.poll(() => at("a").ping("fd00:20::1", 1), { timeout: 10_000 }).toBe(1);
  });

  test("follows a network: a subnet is added, the network is removed", async () => {
    const prefixes = () => host.ovs.exec("nft", "list", "set", "inet", "holdfast", "prefixes4");
    driver.setNetwork(network("n2", "vxlan", 200, { prefixes: ["10.21.0.0/24", "10.40.0.0/24"] }));
    await expect
      .poll(() => host.kernel.listAddresses("hfg-n2"))
      .toEqual(expect.arrayContaining([expect.objectContaining({ address: "10.40.0.1" })]));
    await expect.poll(prefixes).toContain("10.40.0.0/24");
    await driver.detach("c", signal);
    driver.removeNetwork("n2");
    await expect.poll(() => host.kernel.getLink("hfg-n2")).toBeUndefined();
    await expect.poll(prefixes).not.toContain("10.21");
  });
});
