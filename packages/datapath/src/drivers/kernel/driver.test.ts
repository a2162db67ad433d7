import { Cidr, HoldfastError, silentLogger, systemClock } from "@holdfast/core";
import { FakeKernel } from "@holdfast/netlink/testing";
import { describe, expect, test } from "vitest";
import { endpointAlias } from "../../links/link-alias.ts";
import { driverCompliance } from "../../testing/driver-compliance.ts";
import { asRemote, ip, network, on, routed, TENANTS_NETWORKS, wiring } from "../../testing/parties.ts";
import { createKernelDriver } from "./driver.ts";

const { first, other } = TENANTS_NETWORKS;

driverCompliance(
  "the plain kernel in memory",
  { networks: { first: routed(first), other: routed(other) } },
  async () => {
    const kernel = new FakeKernel();
    /** Tables of nft(8) as they were last written. */
    const tables = new Map<string, string>();
    const nft = async (script: string): Promise<string> => {
      for (const [, name = "", text = ""] of script.matchAll(/^table (\S+ \S+) (\{[\s\S]*?^\})/gm))
        tables.set(name, text);
      return script.startsWith("list ") ? "" : script;
    };
    const host = { nft, iptables: async () => undefined, setSysctl: async () => undefined };
    return {
      kernel,
      open: () =>
        createKernelDriver({ kernel, host, clock: systemClock, logger: silentLogger }, {}, AbortSignal.timeout(5000)),
      openings: async () => tables.get("inet holdfast_routed")?.match(/elements = \{ tcp[^}]*\}/g) ?? [],
      [Symbol.asyncDispose]: async () => undefined,
    };
  },
);

describe("a machine that routes", () => {
  const signal = AbortSignal.timeout(10_000);
  const local = network("n3", "vlan", 100, { prefixes: ["10.30.0.0/16"], tenant: "old" });

  async function opened(localNetworks: boolean) {
    const kernel = new FakeKernel();
    await kernel.createVeth({ name: "eth1", peer: "eth1x", mtu: 1500, up: true });
    await kernel.replaceAddress({ link: "eth1", ...on("192.0.2.1/24") });
    const scripts: string[] = [];
    const nft = async (script: string): Promise<string> => {
      if (!script.startsWith("list ")) scripts.push(script);
      return "";
    };
    const host = { nft, iptables: async () => undefined, setSysctl: async () => undefined };
    const dependencies = { kernel, host, clock: systemClock, logger: silentLogger };
    const driver = await createKernelDriver(dependencies, { localNetworks }, signal);
    driver.setNetwork(local);
    driver.setNetwork(routed(first));
    driver.setNetwork(routed(other));
    await driver.synced(signal);
    return { kernel, driver, scripts };
  }

  test("refuses a network that overlaps an older one that it is the gateway of, and names both", async () => {
    const { driver, scripts } = await opened(true);
    const attach = driver.attach(wiring("c", "n8", ["10.30.0.5"]), signal);
    await expect(attach).rejects.toThrow("10.30.0.0/24 of network rival/net-n8 overlaps 10.30.0.0/16 of old/net-n3");
    expect(driver.status()).toMatchObject([{ row: "networks n8", state: "error" }]);
    // Its tenant is kept apart from those of routed networks.
    expect(scripts.join("")).toContain("elements = { 10.30.0.0/16, 10.20.0.0/24 }");
    await driver.close();
  });

  test("has nothing to do with networks of other kinds where a switch carries them outside", async () => {
    const { driver, scripts } = await opened(false);
    expect(await driver.attach(wiring("c", "n8", ["10.30.0.5"]), signal)).toMatchObject({ mtu: 1450 });
    expect(driver.status()).toEqual([]);
    expect(scripts.join("")).not.toContain("10.30.0.0/16");
    await driver.close();
  });

  test.each([
    { has: "no IPv6", up: false, address: "10.20.0.5", setting: "disable_ipv6 1", gateways: [] },
    { has: "no IPv6", up: true, address: "10.20.0.5", setting: "disable_ipv6 1", gateways: [] },
    { has: "IPv6", up: false, address: "fd00:20::5", setting: "accept_ra 0", gateways: ["fe80::1"] },
    { has: "IPv6", up: true, address: "fd00:20::5", setting: "accept_ra 0", gateways: ["fe80::1"] },
  ])("comes to the end of a link that an earlier run has made and no more: up $up, $has", async (given) => {
    const kernel = new FakeKernel();
    const { id, mac, addresses } = wiring("c", first.id, [given.address]);
    const { up } = given;
    await kernel.createVeth({ name: "hfr1", peer: "hfs1", peerMac: mac, mtu: 1450, alias: endpointAlias(id), up });
    const settings: string[] = [];
    const setSysctl = async (name: string, value: string) => void settings.push(`${name} ${value}`);
    const host = { nft: async () => "", iptables: async () => undefined, setSysctl };
    const driver = await createKernelDriver({ kernel, host, clock: systemClock, logger: silentLogger }, {}, signal);
    driver.setNetwork(routed(first));
    await driver.attach(wiring("c", first.id, addresses), signal);
    expect(await kernel.getLink("hfr1")).toMatchObject({ up: true });
    expect(settings.filter((each) => each.includes("hfr1"))).toEqual([`net.ipv6.conf.hfr1.${given.setting}`]);
    expect((await kernel.listAddresses("hfr1")).map(({ address }) => address)).toEqual(given.gateways);
    await driver.close();
  });

  test("wires nobody while the rules that keep tenants apart cannot be set", async () => {
    const kernel = new FakeKernel();
    let refuses = true;
    const nft = async (script: string): Promise<string> => {
      if (refuses && script.includes("table inet holdfast_routed {"))
        throw new HoldfastError("kernel_rejected", "no rules");
      return "";
    };
    const host = { nft, iptables: async () => undefined, setSysctl: async () => undefined };
    const dependencies = { kernel, host, clock: systemClock, logger: silentLogger };
    const driver = await createKernelDriver(dependencies, {}, signal);
    await driver.synced(signal);
    driver.setNetwork(routed(first));
    const a = wiring("a", "n7", ["10.20.0.5"]);
    await expect(driver.attach(a, AbortSignal.timeout(300))).rejects.toThrow("cannot set firewall routed");
    refuses = false;
    const again = () => driver.attach(a, signal).catch(() => undefined);
    await expect.poll(again, { timeout: 5000 }).toMatchObject({ mtu: 1500 });
    await driver.close();
  });

  test("leads to nobody what nobody has of a block of its own, and again when somebody removes that", async () => {
    const { kernel, driver } = await opened(false);
    const [prefix, six] = [Cidr.parse("10.20.0.0/28"), Cidr.parse("fd00:20::/124")];
    const routes = async () =>
      (await kernel.listRoutes()).flatMap(({ prefix: to, type, nextHop, protocol }) =>
        type === undefined && nextHop === undefined ? [] : `${type ?? nextHop} ${to} proto ${protocol}`,
      );
    driver.setOwnBlock({ id: "b-1", prefix });
    driver.setOwnBlock({ id: "b-2", prefix: six });
    const wanted = ["unreachable 10.20.0.0/28 proto 253", "unreachable fd00:20::/124 proto 253"];
    await expect.poll(routes).toEqual(wanted);
    await kernel.deleteRoute({ prefix, type: "unreachable", protocol: 253 });
    await expect.poll(async () => (await routes()).toSorted()).toEqual(wanted);
    // Its next owner may be heard of first.
    driver.setRemoteBlock({ id: "b-3", network: "n7", prefix, via: [ip("192.0.2.2")] });
    await expect.poll(async () => (await routes()).toSorted()).toEqual([`192.0.2.2 ${prefix} proto 253`, wanted[1]]);
    for (const id of ["b-1", "b-2"]) driver.removeOwnBlock(id);
    driver.removeRemoteBlock("b-3");
    await expect.poll(routes).toEqual([]);
    await driver.close();
  });

  test("routes to another node's block by its address of the family, and to endpoints elsewhere by theirs", async () => {
    const { kernel, driver } = await opened(false);
    const via = [ip("192.0.2.2")];
    driver.setRemoteBlock({ id: "b-1", network: "n7", prefix: Cidr.parse("10.20.0.128/28"), via });
    driver.setRemoteBlock({ id: "b-2", network: "n7", prefix: Cidr.parse("fd00:20::80/124"), via });
    driver.setRemote({
      ...asRemote(wiring("r", "n7", ["10.20.0.130", "fd00:20::5"]), "192.0.2.3"),
      via: [ip("192.0.2.3")],
    });
    const routes = async () =>
      (await kernel.listRoutes()).flatMap(({ prefix, nextHop }) =>
        nextHop === undefined ? [] : `${prefix} ${nextHop}`,
      );
    await expect.poll(routes).toEqual(["10.20.0.128/28 192.0.2.2", "10.20.0.130/32 192.0.2.3"]);
    expect(driver.status().map(({ row, error }) => `${row}: ${error}`)).toEqual([
      "blocks b-2: no route to fd00:20::80/124: the node is known by 192.0.2.2 only; give its agent an IPv6 address, too (--node-address)",
      "remotes r: no route to fd00:20::5/128: the node is known by 192.0.2.3 only; give its agent an IPv6 address, too (--node-address)",
    ]);
    for (const id of ["b-1", "b-2"]) driver.removeRemoteBlock(id);
    driver.removeRemote("r");
    await expect.poll(routes).toEqual([]);
    expect(driver.status()).toEqual([]);
    await driver.close();
  });
});
