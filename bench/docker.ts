import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { silentLogger, VlanId } from "@holdfast/core";
import { createLab, dockerNetwork, type LabHost, type Platform, startPlatform } from "@holdfast/lab";
import { AttachPlayer } from "./attach.ts";
import { measureRuns } from "./docker-run.ts";
import { measureDrift } from "./drift.ts";
import { engineOf } from "./engine.ts";
import { percentile, rounded } from "./statistics.ts";

const RUNS = Number(process.env.BENCH_RUNS ?? 40);
const MOVES = Number(process.env.BENCH_MOVES ?? 20);
const ATTACHES = 50;
const ENDPOINTS = 200;
const SUBNET = "10.20.0.0/16";

const signal = AbortSignal.timeout(600_000);
const say = (line: string): boolean => process.stdout.write(`${line}\n`);
const vlans = [{ vlan: VlanId.parse(100), gateways: ["10.20.0.1/16"] }];
await using lab = await createLab({ logger: silentLogger }, { name: `bench-${process.pid}`, hosts: 2, vlans, signal });
await using platform = await startPlatform(lab, { command: [resolve(import.meta.dirname, "../bin/holdfast")], signal });
await platform.command(["network", "create", "web", "--kind", "vlan", "--vlan", "100", "--subnet", SUBNET]);
await Promise.all(lab.hosts.map((host) => dockerNetwork(host, "web", signal)));
const [first, second] = [lab.host(1), lab.host(2)];

// Docker sets up its DNS server in every container on a network that somebody made, also on one of its own bridge driver, and not on the
// default bridge: the former is the like of ours, the latter is measured beside.
await first.docker(["network", "create", "own-bridge"], { signal });
const runs = await measureRuns(first, ["web", "own-bridge", "bridge"], RUNS, signal);
// Before the burst of attaches: for seconds after one the switch is busy unplugging ports.
const drift = await measureDriftGaps(platform);
const attach = await measureAttach(first);

const figures = {
  bench: "docker",
  run_ms_p50: rounded(runs.p50.web),
  run_ms_p50_docker_bridge: rounded(runs.p50["own-bridge"]),
  run_ratio: rounded(runs.ratio["own-bridge"], 3),
  run_ms_p50_docker_default_bridge: rounded(runs.p50.bridge),
  run_ratio_default_bridge: rounded(runs.ratio.bridge, 3),
  attach_ms_p50: rounded(attach.p50, 2),
  attach_burst_ms_p50: rounded(attach.burstP50, 2),
  drift_first_ms: rounded(drift[0] ?? Number.NaN),
  drift_ms_p50: rounded(percentile(drift, 0.5)),
  drift_ms_p99: rounded(percentile(drift, 0.99)),
  agent_rss_mib: rounded(attach.rssMib),
};
say("                                        measured   mark");
say(`docker run --rm, p50, ms                ${String(figures.run_ms_p50).padStart(8)}`);
say(`  on a network of Docker's bridge       ${String(figures.run_ms_p50_docker_bridge).padStart(8)}`);
say(`  ratio                                 ${String(figures.run_ratio).padStart(8)}   ≤ 1.0`);
say(`  on the default bridge, without DNS    ${String(figures.run_ms_p50_docker_default_bridge).padStart(8)}`);
say(`  ratio                                 ${String(figures.run_ratio_default_bridge).padStart(8)}`);
say(`our own part of attach, p50, ms         ${String(figures.attach_ms_p50).padStart(8)}   ≤ 10`);
say(`  200 in a row without a pause          ${String(figures.attach_burst_ms_p50).padStart(8)}`);
say(`drift gap over ${MOVES} moves, p50, ms        ${String(figures.drift_ms_p50).padStart(8)}`);
say(`  p99                                   ${String(figures.drift_ms_p99).padStart(8)}   ≤ 100`);
say(`  the first, to a host just started     ${String(figures.drift_first_ms).padStart(8)}`);
say(`agent with ${ENDPOINTS} endpoints, RSS, MiB       ${String(figures.agent_rss_mib).padStart(8)}   ≤ 150`);
say(JSON.stringify(figures));

/** Endpoints that come and go, one after the other, are timed; then 200 are attached without a pause, and the agent's memory is read. */
async function measureAttach(host: LabHost): Promise<{ p50: number; burstP50: number; rssMib: number }> {
  const player = await AttachPlayer.open(host, engineOf(host), "web", SUBNET);
  const samples: number[] = [];
  for (let count = -5; count < ATTACHES; count++) {
    const { milliseconds, played } = await player.attach();
    if (count >= 0) samples.push(milliseconds);
    await player.detach(played);
  }
  const burst: number[] = [];
  const attached = [];
  for (let count = 0; count < ENDPOINTS; count++) {
    const { milliseconds, played } = await player.attach();
    burst.push(milliseconds);
    attached.push(played);
  }
  const rssMib = await agentRssMib(host);
  for (const played of attached) await player.detach(played);
  player.close();
  return { p50: percentile(samples, 0.5), burstP50: percentile(burst, 0.5), rssMib };
}

async function agentRssMib(host: LabHost): Promise<number> {
  const agent = await host.process("agent");
  const status = await readFile(`/proc/${agent?.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

/** All moves count; with the first, the second host attaches for the first time since its agent and its dockerd have started. */
async function measureDriftGaps({ command }: Platform): Promise<readonly number[]> {
  const line = await command.call(platform, ["claim", "create", "drifter", "--network", "web"]);
  const address = line.trim().split(/\s+/)[1] ?? "";
  const engines = [engineOf(first), engineOf(second)] as const;
  const gaps = await measureDrift(lab, engines, { network: "web", address, moves: MOVES }, signal);
  say(`gaps of the moves, ms: ${gaps.map((gap) => Math.round(gap)).join(" ")}`);
  return gaps;
}
