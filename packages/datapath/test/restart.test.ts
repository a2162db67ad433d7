import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { record } from "./recording.ts";
import { Probe } from "./traffic.ts";
import { TwoHosts } from "./two-hosts.ts";

describe("a restarted agent", () => {
  let world: TwoHosts;

  beforeAll(async () => {
    world = await TwoHosts.start();
    await world.place(0, "vlan-a", "n7", 5);
    await world.place(1, "vlan-b", "n7", 6);
    await world.place(0, "vlan-c", "n7", 7);
    await world.place(0, "vxlan-a", "n8", 5);
    await world.place(1, "vxlan-b", "n8", 6);
    await world.place(1, "vxlan-c", "n8", 7);
    await world.at("vxlan-a").ping("10.30.0.6");
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test("changes nothing and loses no packet, in VLAN and VXLAN", async () => {
    // Until spares are plugged and endpoints written down.
    await wait(1500);
    const recording = await record(world.hosts[0], ["hf-int", "hf-up"]);
    await using vlan = await Probe.start(world.at("vlan-a").path, {
      path: world.at("vlan-b").path,
      address: "10.20.0.6",
    });
    await using vxlan = await Probe.start(world.at("vxlan-a").path, {
      path: world.at("vxlan-b").path,
      address: "10.30.0.6",
    });
    await world.driver(0).close();
    await wait(200);
    const driver = await world.open(0);
    await driver.synced(world.signal);
    expect(driver.status()).toEqual([]);
    await wait(500);
    const reports = await Promise.all([vlan.finish(), vxlan.finish()]);
    expect(await recording.stop()).toEqual([]);
    for (const report of reports) {
      expect(report.sent).toBeGreaterThan(500);
      expect(report.lost).toBe(0);
    }
  });

  test("would be caught if it changed something", async () => {
    const recording = await record(world.hosts[0], ["hf-int", "hf-up"]);
    await world.place(0, "vlan-d", "n7", 8);
    await wait(500);
    const seen = await recording.stop();
    expect(seen.some((line) => line.startsWith("hf-int ") && line.includes("10.20.0.8"))).toBe(true);
    expect(seen.some((line) => line.startsWith("database Interface"))).toBe(true);
    expect(seen.some((line) => line.startsWith("kernel "))).toBe(true);
  });

  test("removes what is no longer desired, and only that", async () => {
    await world.driver(0).close();
    const gone = world.members.get("vlan-c");
    world.members.delete("vlan-c");
    await world.open(0);
    expect(await world.at("vlan-a").ping("10.20.0.7", 1)).toBe(1);
    await world.driver(0).synced(world.signal);
    expect(await world.hosts[0].flows()).not.toContain("10.20.0.7");
    await expect.poll(() => world.hosts[0].kernel.getLink(gone?.port.hostInterface ?? "")).toBeUndefined();
    expect(await world.at("vlan-a").ping("10.20.0.6")).toBe(2);
  });
});

describe("Open vSwitch is killed", () => {
  let world: TwoHosts;

  beforeAll(async () => {
    world = await TwoHosts.start();
    await world.place(0, "vlan-a", "n7", 5);
    await world.place(1, "vlan-b", "n7", 6);
    await world.place(0, "vxlan-a", "n8", 5);
    await world.place(1, "vxlan-b", "n8", 6);
    await world.at("vxlan-a").ping("10.30.0.6");
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test("and everything is as before soon after it is back", async () => {
    await using probe = await Probe.start(world.at("vlan-a").path, {
      path: world.at("vlan-b").path,
      address: "10.20.0.6",
    });
    const before = (await world.hosts[0].flows()).split("\n").length;
    await world.hosts[0].ovs.restartSwitch("kill");
    await expect.poll(() => world.at("vlan-a").ping("10.20.0.6", 1), { timeout: 5000 }).toBe(1);
    await expect.poll(() => world.at("vxlan-a").ping("10.30.0.6", 1), { timeout: 5000 }).toBe(1);
    await expect.poll(() => world.driver(0).status(), { timeout: 5000 }).toEqual([]);
    const report = await probe.finish();
    process.stdout.write(`kill -9 of ovs-vswitchd: ${report.longestGapMs.toFixed(0)} ms without an answer\n`);
    expect(report.longestGapMs).toBeLessThan(5000);
    expect((await world.hosts[0].flows()).split("\n").length).toBe(before);
  });

  test("and who attaches meanwhile waits until it is back", async () => {
    const restarting = world.hosts[0].ovs.restartSwitch("kill");
    await world.place(0, "vlan-e", "n7", 9);
    await restarting;
    await expect.poll(() => world.at("vlan-e").ping("10.20.0.6", 1), { timeout: 5000 }).toBe(1);
    await expect.poll(() => world.driver(0).status(), { timeout: 5000 }).toEqual([]);
  });

  test("and who detaches meanwhile is detached when it is back", async () => {
    const restarting = world.hosts[0].ovs.restartSwitch("kill");
    await world.driver(0).detach("vlan-e", world.signal);
    await restarting;
    expect(await world.hosts[0].flows()).not.toContain("10.20.0.9");
    await expect.poll(() => world.driver(0).status(), { timeout: 5000 }).toEqual([]);
    expect(await world.hosts[0].flows()).not.toContain("10.20.0.9");
  });

  test("or its database is, without which user space forwards nothing for a second, and all goes on", async () => {
    await using probe = await Probe.start(world.at("vlan-a").path, {
      path: world.at("vlan-b").path,
      address: "10.20.0.6",
    });
    await world.hosts[0].ovs.restartDatabase("kill");
    await world.place(0, "vlan-f", "n7", 10);
    expect(await world.at("vlan-f").ping("10.20.0.6", 2)).toBe(2);
    await expect.poll(() => world.driver(0).status(), { timeout: 5000 }).toEqual([]);
    expect((await probe.finish()).longestGapMs).toBeLessThan(5000);
  });
});
