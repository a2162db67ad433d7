import { statfsSync } from "node:fs";
import { join } from "node:path";
import { measureAllocator } from "./ipam/allocator.ts";
import { createNetwork, measureBulk, measureClaims } from "./ipam/claims.ts";
import { startController } from "./ipam/controller-process.ts";
import { measureDockerIpam } from "./ipam/docker-ipam.ts";
import { type Fullness, measureFullness } from "./ipam/fullness.ts";
import { measureHostLocal } from "./ipam/host-local.ts";
import { measureRestart } from "./ipam/restart.ts";
import { scratchFolder } from "./ipam/scratch.ts";
import { percentile, rounded } from "./statistics.ts";

const CLIENTS = 64;

const signal = AbortSignal.timeout(600_000);
const say = (line: string): boolean => process.stdout.write(`${line}\n`);
using scratch = scratchFolder();
sayWhereTo(scratch.path);

const dockerPerSecond = await measureDockerIpam(signal);
const hostLocalPerSecond = await measureHostLocal(scratch.path);
const allocPerSecond = measureAllocator();
const { claims, bulk } = await measureBusyController(join(scratch.path, "claims.db"));
const restartSeconds = await measureRestart(scratch.path);
const { fullness, readySeconds, rssMib } = await measureFullController(join(scratch.path, "full.db"));
const ratio = (level: number): number => {
  const { p50 = Number.NaN, emptyP50 = Number.NaN } = fullness.levels.get(level) ?? {};
  return p50 / emptyP50;
};
const emptyAtFirst = fullness.levels.get(0)?.p50 ?? Number.NaN;

const figures = {
  bench: "ipam",
  claims_per_s: Math.round(claims.perSecond),
  claim_ms_p99: rounded(claims.p99),
  bulk_10k_s: rounded(percentile(bulk, 0.5), 3),
  alloc_inprocess_per_s: Math.round(allocPerSecond),
  p50_ratio_999_full: rounded(ratio(999), 2),
  restart_100k_s: rounded(restartSeconds, 2),
  rss_mib_1m: Math.round(rssMib),
  host_local_per_s: Math.round(hostLocalPerSecond),
  docker_per_s: Math.round(dockerPerSecond),
};
const row = (what: string, figure: number | string, mark = ""): boolean =>
  say(`${what.padEnd(56)} ${String(figure).padStart(10)}   ${mark}`.trimEnd());
row("", "measured", "mark");
row(`single claims over HTTP, ${CLIENTS} clients, per second`, figures.claims_per_s, "≥ 15000");
row("  p50, ms", rounded(claims.p50));
row("  p99, ms", figures.claim_ms_p99, "≤ 15");
row("10,000 claims in one request, p50 of 5, s", figures.bulk_10k_s, "≤ 0.5");
row("allocator alone, in process, per second", figures.alloc_inprocess_per_s, "≥ 1000000");
row("one claim of 8 clients in an empty /12, p50, ms", rounded(emptyAtFirst, 2));
for (const level of [0, 100, 500, 950]) row(`  ${level / 10} % full, ratio`, rounded(ratio(level), 2), "≤ 1.5");
row("  99.9 % full, ratio", figures.p50_ratio_999_full, "≤ 1.5");
row("    to the empty one at the beginning", rounded((fullness.levels.get(999)?.p50 ?? Number.NaN) / emptyAtFirst, 2));
row("restart with 100,000 claims and endpoints, s", figures.restart_100k_s, "≤ 5");
row(`start with a network of ${fullness.claims.toLocaleString("en")} claims, s`, rounded(readySeconds, 1), "≤ 15");
row("  resident memory then, MiB", figures.rss_mib_1m, "≤ 512");
row("peer: CNI host-local, ADD per second", figures.host_local_per_s);
row("peer: Docker's own IPAM, addresses per second", figures.docker_per_s);
say(JSON.stringify(figures));

async function measureBusyController(data: string) {
  await using controller = await startController(data);
  await createNetwork(controller, "web", "10.0.0.0/8");
  const claims = await measureClaims(controller, "web", { clients: CLIENTS, warmUpSeconds: 5, seconds: 10 });
  return { claims, bulk: await measureBulk(controller, "web", 5) };
}

async function measureFullController(data: string) {
  let fullness: Fullness;
  {
    await using controller = await startController(data);
    fullness = await measureFullness(controller, "web");
  }
  await using again = await startController(data);
  return { fullness, readySeconds: again.readySeconds, rssMib: again.rssMib() };
}

/** Syncing costs nothing on a file system in memory, and then the figures say nothing. */
function sayWhereTo(path: string): void {
  const TMPFS_MAGIC = 0x01021994;
  if (statfsSync(path).type === TMPFS_MAGIC) say(`${path} is in memory: what is measured with it is not durable`);
}
