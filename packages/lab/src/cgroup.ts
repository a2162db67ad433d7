import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { HoldfastError } from "@holdfast/core";

/**
 * Cgroups are how a lab knows its processes: a child cannot leave its cgroup by being reparented, as containers' shims are, or
 * by entering another namespace. Every process of a lab starts below `holdfast-lab-ID`, and dockerd is told to put containers
 * there too. Works with cgroup v2, v1 and both side by side.
 */
export interface CgroupHierarchy {
  /** Where it is mounted, e.g. `"/sys/fs/cgroup/unified"`. */
  readonly mountPoint: string;
  readonly version: 1 | 2;
}

/** Every mounted hierarchy; containers may be in all of them. */
export async function cgroupHierarchies(): Promise<readonly CgroupHierarchy[]> {
  const mounts = await readFile("/proc/self/mounts", "utf8");
  return mounts.split("\n").flatMap((line): CgroupHierarchy[] => {
    const [, mountPoint = "", type] = line.split(" ");
    if (!mountPoint.startsWith("/sys/fs/cgroup")) return [];
    if (type === "cgroup2") return [{ mountPoint, version: 2 }];
    return type === "cgroup" ? [{ mountPoint, version: 1 }] : [];
  });
}

/**
 * Makes the cgroup `path`, e.g. `"holdfast-lab-demo-3f2a/host-1/daemons"`, in the hierarchy that tells whose a process is (v2
 * where there is one), and gives its `cgroup.procs` file: a process that writes its pid there belongs to it.
 */
export async function createCgroup(path: string): Promise<string> {
  const hierarchies = await cgroupHierarchies();
  const hierarchy = hierarchies.find(({ version }) => version === 2) ?? hierarchies.find(isPlainV1) ?? hierarchies[0];
  if (hierarchy === undefined) {
    throw new HoldfastError("unavailable", "no cgroup hierarchy is mounted under /sys/fs/cgroup; mount cgroup2 there");
  }
  await mkdir(`${hierarchy.mountPoint}/${path}`, { recursive: true });
  return `${hierarchy.mountPoint}/${path}/cgroup.procs`;
}

/** Cpuset refuses processes until it is configured; freezer takes everybody. */
function isPlainV1({ mountPoint }: CgroupHierarchy): boolean {
  return mountPoint.endsWith("/freezer");
}

/** The names of the top-level cgroups that start with `prefix`, over all hierarchies. */
export async function topLevelCgroups(prefix: string): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const { mountPoint } of await cgroupHierarchies()) {
    for (const name of await folders(mountPoint)) if (name.startsWith(prefix)) names.add(name);
  }
  return [...names];
}

/** All processes below the top-level cgroup `name`; 0 stands for those that are invisible from this PID namespace. */
export async function cgroupProcesses(name: string): Promise<readonly number[]> {
  const pids = new Set<number>();
  for (const { mountPoint } of await cgroupHierarchies()) {
    for (const folder of await tree(`${mountPoint}/${name}`)) {
      const procs = await readFile(`${folder}/cgroup.procs`, "utf8").catch(() => "");
      for (const line of procs.split("\n")) if (line !== "") pids.add(Number(line));
    }
  }
  return [...pids];
}

/** Kills all processes below the top-level cgroup `name` and removes it; its absence is success. */
export async function removeCgroup(name: string, signal: AbortSignal): Promise<void> {
  const hierarchies = await cgroupHierarchies();
  // The kernel says nothing when a v1 cgroup has emptied, so this looks again; killed processes are gone within milliseconds.
  for (let round = 0; ; round++) {
    for (const { mountPoint, version } of hierarchies) {
      if (version === 2) await writeFile(`${mountPoint}/${name}/cgroup.kill`, "1", { flag: "r+" }).catch(() => {});
    }
    const pids = await cgroupProcesses(name);
    for (const pid of pids) killPid(pid);
    if (pids.length === 0 && (await removeTrees(hierarchies, name))) return;
    if (round === 500) {
      throw new HoldfastError(
        "timeout",
        `cgroup ${name} cannot be emptied; still there: ${pids.join(" ") || "child cgroups"}`,
      );
    }
    await pause(Math.min(2 + round, 20), undefined, { signal });
  }
}

/** Safe without a start time: the kernel has just listed the pid as a member of our cgroup. */
function killPid(pid: number): void {
  // To kill(2), 0 is whoever calls it, and all of its process group.
  if (pid === 0) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has gone by itself.
  }
}

async function removeTrees(hierarchies: readonly CgroupHierarchy[], name: string): Promise<boolean> {
  let gone = true;
  for (const { mountPoint } of hierarchies) {
    for (const folder of (await tree(`${mountPoint}/${name}`)).reverse()) {
      gone = (await rmdir(folder).then(() => true, isAbsent)) && gone;
    }
  }
  return gone;
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** The folder and everything below it, parents first. */
async function tree(folder: string): Promise<string[]> {
  const children = await folders(folder).catch(() => undefined);
  if (children === undefined) return [];
  const below = await Promise.all(children.map((child) => tree(`${folder}/${child}`)));
  return [folder, ...below.flat()];
}

async function folders(folder: string): Promise<string[]> {
  return (await readdir(folder, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}
