import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createNetfilter } from "@holdfast/netlink";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatapathDriver, EndpointWiring } from "../../src/driver.ts";
import { GUARD_TABLE, OWNERS } from "../../src/drivers/kernel/guard.ts";
import { on, routed, TENANTS_NETWORKS, wiring } from "../../src/testing/parties.ts";
import type { Sandbox } from "../fabric.ts";
import { SandboxParty } from "../policy-party.ts";
import { Machine } from "./machine.ts";

describe("what the machine's guards drop is counted by name", () => {
  const undo = new AsyncDisposableStack();
  const signal = AbortSignal.timeout(30_000);
  let driver: DatapathDriver;
  let link: string;
  let sandbox: Sandbox;
  let neighbour: Sandbox;

  beforeAll(async () => {
    const machine = undo.use(await Machine.start());
    driver = await machine.open();
    undo.defer(() => driver.close());
    driver.setNetwork(routed(TENANTS_NETWORKS.first));
    await driver.synced(signal);
    const place = async (endpoint: EndpointWiring): Promise<[string, Sandbox]> => {
      const port = await driver.attach(endpoint, signal);
      return [port.containerInterface, await machine.plug(port, endpoint.addresses)];
    };
    [link, sandbox] = await place(wiring("a", "n7", ["10.20.0.5", "fd00:20::5"]));
    [, neighbour] = await place(wiring("b", "n7", ["10.20.0.6", "fd00:20::6"]));
    const seen = [
      "ip saddr 10.20.0.5 icmp type echo-request counter name echoes",
      "icmpv6 type nd-neighbor-advert ip6 saddr fd00:20::5 counter name advertisements",
    ];
    const chain = `chain c { type filter hook prerouting priority raw; ${seen.join("; ")}; }`;
    await neighbour.exec("nft", `table inet seen { counter echoes { }; counter advertisements { }; ${chain}; }`);
    // What the kernel says that there is, is what was written: nothing of it goes.
    await driver.synced(signal);
  });
  afterAll(() => undo.disposeAsync());

  const counted = async (): Promise<Record<string, number>> => {
    const counters = (await driver.policy?.guardCounters(signal)) ?? [];
    return Object.fromEntries(counters.map(({ guard, packets }) => [guard, packets]));
  };
  /** How many of its packets the neighbour has got: what is counted could be let through all the same. */
  const arrived = async (what: "echoes" | "advertisements"): Promise<number> => {
    const text = await neighbour.exec("nft", "list", "counter", "inet", "seen", what);
    return Number(/packets (\d+)/.exec(text)?.[1]);
  };
  const ping = (...args: string[]): Promise<unknown> =>
    sandbox.exec("ping", "-n", "-q", "-c", "2", "-i", "0.01", "-W", "0.2", ...args).catch(() => undefined);

  test("an address that is another's", async () => {
    expect(await counted()).toEqual({ mac: 0, ip: 0, arp: 0, nd: 0, ra: 0, dhcp: 0 });
    expect(await sandbox.ping("10.20.0.6")).toBe(2);
    await sandbox.kernel.replaceAddress({ link, ...on("10.20.0.99/32") });
    await ping("-I", "10.20.0.99", "10.20.0.6");
    await sandbox.kernel.deleteAddress({ link, ...on("10.20.0.99/32") });
    expect(await counted()).toMatchObject({ mac: 0, ip: 2, nd: 0, ra: 0, dhcp: 0 });
    await expect.poll(() => sandbox.ping("fd00:20::6", 1), { timeout: 10_000 }).toBe(1);
    const before = await counted();
    await sandbox.exec("ip", "address", "add", "fd00:20::99/128", "dev", link, "nodad");
    await ping("-I", "fd00:20::99", "fd00:20::6");
    await sandbox.exec("ip", "address", "delete", "fd00:20::99/128", "dev", link);
    expect(await counted()).toEqual({ ...before, ip: (before.ip ?? 0) + 2 });
  });

  test("what only DHCP servers say", async () => {
    await expect.poll(() => sandbox.ping("fd00:20::6", 1), { timeout: 10_000 }).toBe(1);
    await using party = await SandboxParty.start(sandbox.path, 100);
    await party.reaches({ protocol: "udp", to: "10.20.0.6", port: 68, sourcePort: 67 });
    await party.reaches({ protocol: "udp", to: "fd00:20::6", port: 546, sourcePort: 547 });
    await party.reaches({ protocol: "udp", to: "10.20.0.6", port: 67, sourcePort: 68 });
    expect(await counted()).toMatchObject({ ra: 0, dhcp: 2 });
    // Clients take it from whatever port.
    await party.reaches({ protocol: "udp", to: "10.20.0.6", port: 68 });
    await party.reaches({ protocol: "udp", to: "fd00:20::6", port: 546 });
    expect(await counted()).toMatchObject({ ra: 0, dhcp: 4 });
  });

  test("what only routers say", async () => {
    await sandbox.exec("nft", "add table ip6 t; add chain ip6 t o { type filter hook output priority 0; }");
    for (const type of [134, 137]) {
      await sandbox.exec("nft", `add rule ip6 t o icmpv6 type echo-request icmpv6 type set ${type}`);
      await ping("fd00:20::6");
      await sandbox.exec("nft", "flush chain ip6 t o");
    }
    expect(await counted()).toMatchObject({ ra: 4 });
    await ping("fd00:20::6");
    expect(await counted()).toMatchObject({ ra: 4 });
  });

  test("neighbour advertisements about others", async () => {
    await sandbox.exec("nft", "add table ip6 t; add chain ip6 t o { type filter hook output priority 0; }");
    const says = async (target: string): Promise<void> => {
      // An echo request with 16 bytes of data behind its head, which is where an advertisement has its target.
      const rule = `icmpv6 type echo-request @th,64,128 set 0x${target} icmpv6 type set 136`;
      await sandbox.exec("nft", `flush chain ip6 t o; add rule ip6 t o ${rule}`);
      await ping("-s", "16", "fd00:20::6");
    };
    const before = (await counted()).nd ?? 0;
    await says("fd000020000000000000000000000005");
    expect(await counted()).toMatchObject({ nd: before });
    const own = await arrived("advertisements");
    expect(own).toBeGreaterThan(0);
    await says("fd000020000000000000000000000006");
    expect(await counted()).toMatchObject({ nd: before + 2 });
    expect(await arrived("advertisements")).toBe(own);
    await sandbox.exec("nft", "delete table ip6 t");
  });

  test("ARP of an address that is another's, and frames of another MAC", async () => {
    const before = await counted();
    await sandbox.exec("ip", "neigh", "flush", "dev", link);
    await sandbox.kernel.replaceAddress({ link, ...on("10.20.0.99/32") });
    await ping("-I", "10.20.0.99", "10.20.0.6");
    await sandbox.kernel.deleteAddress({ link, ...on("10.20.0.99/32") });
    expect((await counted()).arp).toBeGreaterThan(before.arp ?? 0);
    expect(await sandbox.ping("10.20.0.6")).toBe(2);
    const echoes = await arrived("echoes");
    expect(echoes).toBeGreaterThan(0);
    await sandbox.exec("ip", "link", "set", link, "address", "02:00:00:00:00:99");
    await ping("10.20.0.6");
    expect((await counted()).mac).toBeGreaterThan(before.mac ?? 0);
    expect(await arrived("echoes")).toBe(echoes);
    await sandbox.exec("ip", "link", "set", link, "address", "02:01:0a:14:00:05");
    await expect.poll(() => sandbox.ping("10.20.0.6"), { timeout: 5000 }).toBe(2);
  });
});

describe("an endpoint is nobody any more before its removal is answered", () => {
  const signal = AbortSignal.timeout(30_000);
  const endpoint = wiring("a", "n7", ["10.20.0.5", "fd00:20::5"]);
  const open = async (machine: Machine): Promise<DatapathDriver> => {
    const driver = await machine.open();
    driver.setNetwork(routed(TENANTS_NETWORKS.first));
    return driver;
  };

  test("by the guard's elements", async () => {
    await using machine = await Machine.start();
    const netfilter = await createNetfilter(machine.path);
    const sources = (): number => netfilter.readKeys(GUARD_TABLE, OWNERS.sources6, "inet").length;
    const driver = await open(machine);
    await driver.attach(endpoint, signal);
    expect(sources()).toBe(1);
    await driver.detach(endpoint.id, signal);
    // At once: a moment later its link is gone as well.
    const left = sources();
    await driver.close();
    netfilter.close();
    expect(left).toBe(0);
  });

  test("by its link, when another run has attached it", async () => {
    await using machine = await Machine.start();
    const before = await open(machine);
    const { hostInterface } = await before.attach(endpoint, signal);
    await before.close();
    const driver = await open(machine);
    // Whoever asks by netlink waits for what is under way; who reads this does not.
    const inside = spawn("nsenter", [`--net=${machine.path}`, "--", "sh", "-c", "echo; exec sleep 30"]);
    await once(inside.stdout, "data");
    await driver.detach(endpoint.id, signal);
    const left = readFileSync(`/proc/${inside.pid}/net/dev`, "utf8");
    inside.kill();
    await driver.close();
    expect(left).toContain("lo:");
    expect(left).not.toContain(hostInterface);
  });
});
