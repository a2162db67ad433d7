import { readdir, readFile, readlink } from "node:fs/promises";
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
    ...(await entries("/var/tmp", 1)),
    ...(await entries("/etc/openvswitch", 1)),
  ];
  for (const { mountPoint } of await cgroupHierarchies()) lines.push(...(await entries(mountPoint, 1)));
  return [...new Set(lines)].sort();
}

async function entries(folder: string, depth: number): Promise<string[]> {
  const found = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const lines = found.map(({ name }) => `entry ${folder}/${name}`);
  if (depth === 1) return lines;
  const below = found.filter((entry) => entry.isDirectory()).map(({ name }) => entries(`${folder}/${name}`, depth - 1));
  return [...lines, ...(await Promise.all(below)).flat()];
}

/** All processes of a lab with the namespaces that they are in, containers' included. */
export interface LabPopulation {
  readonly processes: readonly ProcessRef[];
  readonly namespaces: ReadonlySet<string>;
}

/** Counts the population of the lab with this id while it lives. */
export async function populationOf(labId: string): Promise<LabPopulation> {
  const pids = await cgroupProcesses(`holdfast-lab-${labId}`);
  const processes = pids.map(processRef).filter((ref) => ref !== undefined);
  const namespaces = new Set((await Promise.all(pids.map(namespacesOf))).flat());
  for (const own of await namespacesOf(process.pid)) namespaces.delete(own);
  return { processes, namespaces };
}

/** What is left of a population: processes that live, and any process in one of its namespaces. */
export async function survivorsOf({ processes, namespaces }: LabPopulation): Promise<readonly string[]> {
  const living = processes.filter(isAlive).map(({ pid }) => `process ${pid}`);
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const squatters = await Promise.all(
    pids.map(async (pid) => ((await namespacesOf(pid)).some((each) => namespaces.has(each)) ? [`inside: ${pid}`] : [])),
  );
  return [...living, ...squatters.flat()];
}

async function namespacesOf(pid: number): Promise<readonly string[]> {
  const kinds = ["net", "mnt", "uts"].map((kind) => readlink(`/proc/${pid}/ns/${kind}`).catch(() => ""));
  return (await Promise.all(kinds)).filter((name) => name !== "");
}
