import { readdir, readFile, readlink } from "node:fs/promises";
import { uptime } from "node:os";
import { cgroupHierarchies, cgroupProcesses } from "../src/cgroup.ts";
import { isAlive, type ProcessRef, processRef } from "../src/process-ref.ts";
import { run } from "../src/run.ts";

/** Everything of the machine in which a lab could leave something, as sorted lines of text. */
export async function machineSnapshot(): Promise<readonly string[]> {
  const links = (await run(["ip", "-o", "link"], { signal: AbortSignal.timeout(5000) })).stdout;
  const mounts = await readFile("/proc/self/mounts", "utf8");
  const lines = [
    ...links.split("\n").map((line) => `link ${line.split(": ")[1] ?? ""}`),
    ...mounts.split("\n").map((line) => `mount ${line.split(" ")[1] ?? ""}`),
    ...(await entries("/run", 2)),
    ...(await entries("/var/lib", 1)),
    ...(await entries("/var/tmp", 2)),
    ...(await entries("/etc/openvswitch", 1)),
    ...(await entries("/etc/cni", 2)),
    ...(await entries("/opt", 3)),
    ...(await entries("/dev/shm", 1)),
  ];
  for (const { mountPoint } of await cgroupHierarchies()) lines.push(...(await entries(mountPoint, 1)));
  return [...new Set(lines)].filter((line) => !isOfAnotherProcess(line)).sort();
}

/**
 * Tests carry the pid of their process in the names of what they make; what another one that lives has made is not ours, nor are
 * the folders of other packages' tests.
 */
function isOfAnotherProcess(line: string): boolean {
  if (/\/run\/holdfast-(?!lab)/.test(line)) return true;
  const numbers = (line.match(/\d{3,}/g) ?? []).map(Number);
  return numbers.some((pid) => pid !== process.pid && processRef(pid) !== undefined);
}

async function entries(folder: string, depth: number): Promise<string[]> {
  const found = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const lines = found.map(({ name }) => `entry ${folder}/${name}`);
  if (depth === 1) return lines;
  const below = found.filter((entry) => entry.isDirectory()).map(({ name }) => entries(`${folder}/${name}`, depth - 1));
  return [...lines, ...(await Promise.all(below)).flat()];
}

/** USER_HZ, the unit of times in /proc, is 100 wherever Node runs (time(7)). */
const TICKS_PER_SECOND = 100;

/** All processes of a lab with the namespaces that they are in, containers' included. */
export interface LabPopulation {
  readonly processes: readonly ProcessRef[];
  readonly namespaces: ReadonlySet<string>;
  /** Clock ticks since boot. */
  readonly countedAt: number;
}

/** Counts the population of the lab with this id while it lives. */
export async function populationOf(labId: string): Promise<LabPopulation> {
  const pids = await cgroupProcesses(`holdfast-lab-${labId}`);
  const processes = pids.map(processRef).filter((ref) => ref !== undefined);
  const namespaces = new Set((await Promise.all(pids.map(namespacesOf))).flat());
  for (const own of await namespacesOf(process.pid)) namespaces.delete(own);
  return { processes, namespaces, countedAt: uptime() * TICKS_PER_SECOND };
}

/**
 * What is left of a population: processes that live, and processes as old that are in one of its namespaces. Younger ones do not
 * count: the kernel gives the number of a namespace that has gone to somebody else's next one.
 */
export async function survivorsOf({ processes, namespaces, countedAt }: LabPopulation): Promise<readonly string[]> {
  const living = processes.filter(isAlive).map(({ pid }) => `process ${pid}`);
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const squatters = await Promise.all(
    pids.map(async (pid) => {
      const isInside = (await namespacesOf(pid)).some((each) => namespaces.has(each));
      return isInside && Number(processRef(pid)?.startTime) <= countedAt ? [`inside: ${pid}`] : [];
    }),
  );
  return [...living, ...squatters.flat()];
}

async function namespacesOf(pid: number): Promise<readonly string[]> {
  const kinds = ["net", "mnt", "uts"].map((kind) => readlink(`/proc/${pid}/ns/${kind}`).catch(() => ""));
  return (await Promise.all(kinds)).filter((name) => name !== "");
}
