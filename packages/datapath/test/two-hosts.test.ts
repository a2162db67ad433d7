import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tcpTransfer } from "./traffic.ts";
import { TwoHosts } from "./two-hosts.ts";

const MEBIBYTE = 1024 * 1024;

describe("two hosts", () => {
  let world: TwoHosts;

  beforeAll(async () => {
    world = await TwoHosts.start();
    await world.place(0, "vlan-a", "n7", 5);
    await world.place(1, "vlan-b", "n7", 6);
    await world.place(0, "vlan-c", "n7", 7);
    await world.place(0, "vxlan-a", "n8", 5);
    await world.place(1, "vxlan-b", "n8", 6);
    await world.place(0, "rival-a", "n9", 5);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test("endpoints of a VLAN network reach each other and the router", async () => {
    expect(await world.at("vlan-a").ping("10.20.0.6")).toBe(2);
    expect(await world.at("vlan-a").ping("fd00:20::6")).toBe(2);
    expect(await world.at("vlan-b").ping("10.20.0.1")).toBe(2);
    expect(await world.fabric.ping("10.20.0.5")).toBe(2);
    expect(await world.fabric.ping("fd00:20::6")).toBe(2);
  });

  test("endpoints of a VXLAN network reach each other", async () => {
    // The first packet to a node makes the switch ask for its MAC, and may be lost.
    await world.at("vxlan-a").ping("10.30.0.6", 1);
    expect(await world.at("vxlan-a").ping("10.30.0.6", 5)).toBe(5);
    expect(await world.at("vxlan-b").ping("fd00:30::5", 5)).toBe(5);
  });

  test("tenants with the same addresses do not meet", async () => {
    expect(await world.at("rival-a").ping("10.30.0.6", 1)).toBe(0);
    await world.place(1, "rival-b", "n9", 6);
    expect(await world.at("rival-a").ping("10.30.0.6", 3)).toBeGreaterThanOrEqual(2);
  });

  test.each([
    { from: "vlan-a", to: "vlan-c", address: "10.20.0.7", way: "in one VLAN on one host" },
    { from: "vlan-a", to: "vlan-b", address: "10.20.0.6", way: "through the uplink" },
    { from: "vxlan-a", to: "vxlan-b", address: "10.30.0.6", way: "through a tunnel" },
    { from: "vxlan-b", to: "vxlan-a", address: "fd00:30::5", way: "through a tunnel over IPv6" },
  ])("TCP carries 8 MiB unharmed $way", async ({ from, to, address }) => {
    const target = { path: world.at(to).path, address };
    expect(await tcpTransfer(world.at(from).path, target, 8 * MEBIBYTE)).toMatchObject({
      bytes: 8 * MEBIBYTE,
      right: true,
    });
  });

  test("TCP carries 8 MiB unharmed to the router", async () => {
    const target = { path: world.fabric.switch.path, address: "10.20.0.1" };
    expect(await tcpTransfer(world.at("vlan-a").path, target, 8 * MEBIBYTE)).toMatchObject({ right: true });
  });
});
