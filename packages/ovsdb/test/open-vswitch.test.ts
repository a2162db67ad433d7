import { silentLogger, systemClock } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { connectOvsdb } from "../src/connect-ovsdb.ts";
import { createOpenVSwitch } from "../src/open-vswitch.ts";
import { OPEN_VSWITCH_MONITORS } from "../src/open-vswitch-rows.ts";
import { startFakeOvsdbServer } from "../src/testing/fake-ovsdb-server.ts";
import { ovsdbCompliance } from "../src/testing/ovsdb-compliance.ts";
import { startOvs } from "../src/testing/start-ovs.ts";

ovsdbCompliance("ovsdb-server and ovs-vswitchd", async () => {
  const ovs = await startOvs();
  return {
    path: ovs.socket,
    async addDevice(name) {
      await ovs.exec("ip", "link", "add", name, "type", "veth", "peer", "name", `p${name}`);
    },
    restartDatabase: () => ovs.restartDatabase("kill"),
    [Symbol.asyncDispose]: () => ovs.stop(),
  };
});

describe("the fake switch", () => {
  test("prints what ovs-vsctl prints of the same switch", async () => {
    await using ovs = await startOvs();
    await using fake = await startFakeOvsdbServer({ deviceExists: (name) => name !== "missing" });
    await ovs.exec("ip", "link", "add", "veth-1.a", "type", "veth", "peer", "name", "veth2");
    for (const path of [ovs.socket, fake.path]) await configure(path);
    const real = (await ovs.exec("ovs-vsctl", "show")).trimEnd();
    const lines = String(fake).split("\n");
    const shown = lines.filter((line) => !/^ *(external_ids|ovs_version):/.test(line)).slice(1);
    expect(byName(shown)).toEqual(byName(real.split("\n").slice(1)));
    expect(lines.some((line) => line.includes("external_ids: {note="))).toBe(true);
  });
});

async function configure(path: string): Promise<void> {
  const signal = AbortSignal.timeout(10_000);
  const client = await connectOvsdb(
    { logger: silentLogger, clock: systemClock },
    { path, database: "Open_vSwitch", monitors: OPEN_VSWITCH_MONITORS, signal },
  );
  const ovs = createOpenVSwitch(client);
  const tunnel = { type: "vxlan", options: { key: "flow", remote_ip: "10.0.0.2", df_default: "false" } };
  const sequence = await ovs.commit(
    () => [
      ...ovs.addBridge({
        name: "br0",
        datapathType: "netdev",
        failMode: "secure",
        externalIds: { note: 'a "quoted" text' },
        ports: [
          { name: "veth-1.a", tag: 7, trunks: [3] },
          { name: "missing", trunks: [1, 2] },
          { name: "vx", interface: tunnel },
          { name: "7up", interface: { type: "internal" } },
        ],
      }),
      ...ovs.addBridge({ name: "br1", datapathType: "netdev" }),
    ],
    signal,
  );
  await ovs.configured(sequence, signal);
  await client.close();
}

/** The real one prints in the order of its hash tables: blocks (a line with its more indented ones) are put in order. */
function byName(lines: readonly string[]): string[] {
  const depth = (line: string): number => line.length - line.trimStart().length;
  const blocks: string[][] = [];
  for (const line of lines) {
    const block = blocks.at(-1);
    if (block === undefined || depth(line) <= depth(block[0] ?? "")) blocks.push([line]);
    else block.push(line);
  }
  const ordered = blocks.map(([head = "", ...rest]) => [head, ...byName(rest)]);
  return ordered.toSorted((a, b) => (a.join("\n") < b.join("\n") ? -1 : 1)).flat();
}
