import { resolve } from "node:path";
import { silentLogger, VlanId } from "@holdfast/core";
import { createLab, startPlatform } from "@holdfast/lab";
import { type BenchPlugin, createCaller } from "./cni/caller.ts";
import { measureInTurn, type Turns } from "./cni/in-turn.ts";
import { agentLoad } from "./cni/load.ts";
import { measureSteps, STEPS_FILE } from "./cni/steps.ts";
import { measureStorms } from "./cni/storms.ts";
import { measureTraffic } from "./cni/traffic.ts";
import { scratchFolder } from "./ipam/scratch.ts";
import { percentile, rounded } from "./statistics.ts";

const CONTAINERS = 200;
const ROUNDS = 4;
const STORM = 500;
const AT_ONCE = 16;
const STORMS = 3;
/** With blocks of addresses for nodes: what host-local is compared with is given by the node, too. */
const KINDS = {
  routed: "--kind routed --subnet 10.30.0.0/16 --node-blocks 256",
  vlan: "--kind vlan --vlan 100 --subnet 10.20.0.0/16 --node-blocks 256",
} as const;
/** Of the main figures. */
const KIND = process.env.BENCH_KIND === "vlan" ? "vlan" : "routed";

const signal = AbortSignal.timeout(900_000);
const say = (line: string): boolean => process.stdout.write(`${line}\n`);
using scratch = scratchFolder();
const vlans = [{ vlan: VlanId.parse(100), gateways: ["10.20.0.1/16"] }];
await using lab = await createLab({ logger: silentLogger }, { name: `bench-${process.pid}`, hosts: 1, vlans, signal });
const command = [resolve(import.meta.dirname, "../bin/holdfast")];
const agentEnv = { HOLDFAST_STEPS_FILE: STEPS_FILE };
await using platform = await startPlatform(lab, { command, agentEnv, signal });
const host = lab.host(1);
for (const kind of new Set([KIND, "vlan"] as const)) {
  await platform.command(["network", "create", kind, ...KINDS[kind].split(" ")]);
}
const caller = await createCaller(host, scratch.path, signal);

const ours = holdfast("ours", KIND);
const ovs = holdfast("ovs", "vlan");
const bridge = debians("bridge", { bridge: "bench0", isGateway: true }, "10.40.0.0/16");
const ptp = debians("ptp", {}, "10.41.0.0/16");
const floor: BenchPlugin = { name: "floor", program: "/bin/true", config: {} };

const place = { host, caller, signal };
const extent = { containers: CONTAINERS, rounds: ROUNDS };
const turns = await measureInTurn(place, [floor, ours, bridge, ptp], extent);
// Not among those that are compared: each namespace that has had a link costs every later news of links a look, so 200 more of them slow all down.
const turnsOnSwitch = await measureInTurn(place, [ovs], extent);
const p50 = (of: Turns, { name }: BenchPlugin, command: "ADD" | "DEL"): number =>
  percentile(of.all(name, command), 0.5);

const steps = [];
for (const plugin of [ours, ovs]) steps.push(await measureSteps(place, plugin));
const storms = await measureStorms(place, [bridge, ours], {
  containers: STORM,
  atOnce: AT_ONCE,
  rounds: STORMS,
});
await storms.raise(ours);
const load = await agentLoad(host);
await storms.calm(ours);
const traffic = await measureTraffic(place, ours, ptp);

const figures = {
  bench: "cni",
  add_ms_p50: rounded(p50(turns, ours, "ADD"), 2),
  add_ms_p99: rounded(percentile(turns.all("ours", "ADD"), 0.99), 2),
  del_ms_p50: rounded(p50(turns, ours, "DEL"), 2),
  add_ratio_bridge: rounded(turns.ratio("ours", "bridge", "ADD"), 3),
  add_ratio_ptp: rounded(turns.ratio("ours", "ptp", "ADD"), 3),
  del_ratio_bridge: rounded(turns.ratio("ours", "bridge", "DEL"), 3),
  ovs_add_ms_p50: rounded(p50(turnsOnSwitch, ovs, "ADD"), 2),
  storm_500_s: rounded(percentile(storms.seconds(ours), 0.5), 2),
  storm_ratio: rounded(storms.ratio(ours, bridge), 3),
  agent_rss_mib_500: rounded(load.rssMib),
  bw_ratio_ptp: rounded(traffic.bandwidthRatio, 3),
  rtt_ratio_ptp: rounded(traffic.roundTripRatio, 3),
};
const row = (what: string, figure: number, mark = ""): boolean =>
  say(`${what.padEnd(56)} ${String(figure).padStart(10)}   ${mark}`.trimEnd());
say(`${"".padEnd(56)} ${"measured".padStart(10)}   mark`);
row("starting /bin/true instead of a plugin, p50, ms", rounded(p50(turns, floor, "ADD"), 2));
row(`ADD, network of kind ${KIND}, p50, ms`, figures.add_ms_p50);
row("  p99, ms", figures.add_ms_p99);
row("  Debian's bridge and host-local, p50, ms", rounded(p50(turns, bridge, "ADD"), 2));
row("    ratio", figures.add_ratio_bridge, "≤ 0.35");
row("  Debian's ptp and host-local, p50, ms", rounded(p50(turns, ptp, "ADD"), 2));
row("    ratio", figures.add_ratio_ptp, "≤ 0.35");
row("DEL, p50, ms", figures.del_ms_p50);
row("  Debian's bridge and host-local, p50, ms", rounded(p50(turns, bridge, "DEL"), 2));
row("    ratio", figures.del_ratio_bridge, "≤ 0.35");
row("ADD on Open vSwitch, network of kind vlan, p50, ms", figures.ovs_add_ms_p50);
row(`${STORM} ADDs, ${AT_ONCE} at a time, s`, figures.storm_500_s);
row("  the first, with an agent that has done little before, s", rounded(storms.seconds(ours)[0] ?? Number.NaN, 2));
row("  Debian's bridge, s", rounded(percentile(storms.seconds(bridge), 0.5), 2));
row("    ratio", figures.storm_ratio, "≤ 0.5");
row(`agent with ${STORM} endpoints, RSS, MiB`, figures.agent_rss_mib_500, "≤ 250");
row("  idle, % of one processor", rounded(load.idlePercent, 2), "≤ 1");
row("TCP from container to container, Gbit/s", rounded(traffic.bandwidth, 2));
row("  ratio to ptp", figures.bw_ratio_ptp, "≥ 0.95");
row("round trip, µs", rounded(traffic.roundTrip, 1));
row("  ratio to ptp", figures.rtt_ratio_ptp, "≤ 1.1");
for (const { plugin, command: asked, rows } of steps.flat()) {
  say(`\nsteps of ${asked}, network of kind ${plugin === "ovs" ? "vlan" : KIND}, p50, ms`);
  for (const { step, milliseconds } of rows) row(`  ${step}`, rounded(milliseconds, 2));
}
say(JSON.stringify(figures));

function holdfast(name: string, network: string): BenchPlugin {
  const program = resolve(import.meta.dirname, "../packages/cni/build/holdfast");
  return { name, program, config: { cniVersion: "1.0.0", name: network, type: "holdfast", network } };
}

function debians(name: string, options: object, subnet: string): BenchPlugin {
  const ipam = {
    type: "host-local",
    dataDir: `/run/bench-${name}`,
    ranges: [[{ subnet }]],
    routes: [{ dst: "0.0.0.0/0" }],
  };
  const config = { cniVersion: "1.0.0", name, type: name, ...options, ipam };
  return { name, program: `/usr/lib/cni/${name}`, config };
}
