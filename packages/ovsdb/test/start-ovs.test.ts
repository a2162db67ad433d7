import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { describe, expect, test } from "vitest";
import { startOvs } from "../src/testing/start-ovs.ts";

describe("an Open vSwitch for tests", () => {
  test("runs in a namespace of its own and leaves nothing behind", async () => {
    const ovs = await startOvs();
    await ovs.exec("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb");
    await ovs.exec("ovs-vsctl", "add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev");
    await ovs.exec("ovs-vsctl", "add-port", "br0", "va");
    expect(await ovs.exec("ovs-ofctl", "show", ovs.managementSocket("br0"))).toContain("(va)");
    await ovs.stop();
    expect(existsSync(ovs.rundir)).toBe(false);
    expect(existsSync(`/run/netns/${ovs.namespace}`)).toBe(false);
  });

  test("keeps its ports when its daemons are killed and started again", async () => {
    await using ovs = await startOvs();
    await ovs.exec("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb");
    await ovs.exec("ovs-vsctl", "add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev");
    await ovs.exec("ovs-vsctl", "add-port", "br0", "va");
    const number = await ovs.exec("ovs-vsctl", "get", "Interface", "va", "ofport");
    await ovs.restartDatabase("kill");
    await ovs.restartSwitch("kill");
    expect(await ovs.exec("ovs-vsctl", "get", "Interface", "va", "ofport")).toBe(number);
  });

  test("is swept by the next one when its test run was killed", async () => {
    const program = `
      import { startOvs } from ${JSON.stringify(new URL("../src/testing/start-ovs.ts", import.meta.url).href)};
      const ovs = await startOvs();
      await ovs.exec("ovs-vsctl", "add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev");
      process.stdout.write(JSON.stringify({ rundir: ovs.rundir, namespace: ovs.namespace }) + "\\n");
      setInterval(() => {}, 1000);
    `;
    const victim: ChildProcess = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    if (victim.stdout === null) throw new TypeError("the child has no output");
    const [line] = (await once(createInterface(victim.stdout), "line")) as [string];
    const left = JSON.parse(line) as { rundir: string; namespace: string };
    victim.kill("SIGKILL");
    await once(victim, "exit");
    expect(existsSync(left.rundir)).toBe(true);

    await using ovs = await startOvs();
    expect(existsSync(ovs.rundir)).toBe(true);
    expect(existsSync(left.rundir)).toBe(false);
    expect(existsSync(`/run/netns/${left.namespace}`)).toBe(false);
  });
});
