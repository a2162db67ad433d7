import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { silentLogger, systemClock } from "@holdfast/core";
import { connectOvsdb, OPEN_VSWITCH_MONITORS } from "@holdfast/ovsdb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Host } from "./fabric.ts";
import { Probe } from "./traffic.ts";
import { TwoHosts } from "./two-hosts.ts";

/** Everything that somebody does to a machine's switch and links, as texts, until it is stopped. */
async function record(host: Host): Promise<{ stop(): Promise<readonly string[]> }> {
  const seen: string[] = [];
  const ended = new AbortController();
  const kernel = await host.kernel.enter(host.path);
  const links = (async () => {
    for await (const event of kernel.watch(ended.signal)) {
      if (event.kind !== "neighbour") seen.push(`kernel ${JSON.stringify(event)}`);
    }
  })();
  const client = await connectOvsdb(
    { logger: silentLogger, clock: systemClock },
    { path: host.ovs.socket, database: "Open_vSwitch", monitors: OPEN_VSWITCH_MONITORS, signal: ended.signal },
  );
  const rows = (async () => {
    for await (const { table, uuid, after } of client.watch(ended.signal)) {
      seen.push(`database ${table} ${uuid} ${after === undefined ? "deleted" : JSON.stringify(after.columns)}`);
    }
  })();
  const monitors = ["hf-int", "hf-up"].map((bridge) =>
    watchFlows(host, bridge, (line) => seen.push(`${bridge} ${line}`)),
  );
  await Promise.all(monitors.map((monitor) => monitor.ready));
  return {
    async stop() {
      ended.abort();
      for (const monitor of monitors) await monitor.stop();
      await client.close();
      await kernel.close();
      await Promise.allSettled([links, rows]);
      return seen;
    },
  };
}

function watchFlows(host: Host, bridge: string, onEvent: (line: string) => void) {
  const args = ["monitor", host.ovs.managementSocket(bridge), "watch:!initial"];
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "ovs-ofctl", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", OVS_RUNDIR: host.ovs.rundir },
  });
  const ready = Promise.withResolvers<void>();
  const closed = once(child, "close");
  const read = (line: string): void => {
    if (line.includes("event=")) onEvent(line.trim());
    else if (line.includes("NXST_FLOW_MONITOR reply")) ready.resolve();
  };
  // The first answer is on standard output, news are on standard error.
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", read);
  return {
    ready: ready.promise,
    async stop() {
      // It writes out what it holds back when it is ended gently.
      child.kill("SIGTERM");
      await closed;
    },
  };
}

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
    const recording = await record(world.hosts[0]);
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
    const recording = await record(world.hosts[0]);
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
});
