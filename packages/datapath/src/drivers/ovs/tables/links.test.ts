import { silentLogger, systemClock } from "@holdfast/core";
import { FakeKernel } from "@holdfast/netlink/testing";
import { connectOvsdb, createOpenVSwitch, OPEN_VSWITCH_MONITORS } from "@holdfast/ovsdb";
import { startFakeOvsdbServer } from "@holdfast/ovsdb/testing";
import { expect, test } from "vitest";
import type { HostTools } from "../../../machine/host-tools.ts";
import { readSettings } from "../options.ts";
import { linkTable } from "./links.ts";

const host: HostTools = { nft: async () => "", iptables: async () => undefined, setSysctl: async () => undefined };

test("a link that waits again goes by the name of no endpoint in the switch", async () => {
  const signal = AbortSignal.timeout(10_000);
  await using database = await startFakeOvsdbServer();
  const options = { path: database.path, database: "Open_vSwitch", monitors: OPEN_VSWITCH_MONITORS, signal };
  const ovsdb = await connectOvsdb({ logger: silentLogger, clock: systemClock }, options);
  const ovs = createOpenVSwitch(ovsdb);
  const settings = readSettings({ node: "node-1", datapathType: "netdev", runDirectory: "/none" }, "netdev");
  await ovs.commit(() => ovs.addBridge({ name: settings.names.integration, datapathType: "netdev" }), signal);
  const dependencies = { kernel: new FakeKernel(), ovs, host, mayCreate: () => true };
  const { update } = linkTable(dependencies, settings).operations;
  const row = { name: "hfp1000", peer: "hfc1000", number: 1000 };
  const labels = () => Object.fromEntries(ovs.interfaces().get("hfp1000")?.externalIds ?? []);

  await update([{ ...row, endpoint: "e-1" }], signal);
  expect(labels()).toEqual({ holdfast: "node-1", "holdfast-endpoint": "e-1" });
  await update([row], signal);
  expect(labels()).toEqual({ holdfast: "node-1" });
  await ovsdb.close();
});
