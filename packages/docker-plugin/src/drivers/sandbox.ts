import { readdir, readlink, stat, statfs } from "node:fs/promises";

/** What can be told of a sandbox from its path, e.g. `"/run/docker/netns/2a24eb473cae"`. */
export interface Sandboxes {
  /** Whether the path is a network namespace, as far as this process can see. */
  exists(path: string): Promise<boolean>;
  /** Whether a process runs in the namespace at the path. Docker may leave a namespace that nobody is in. */
  isInhabited(path: string): Promise<boolean>;
}

/** `NSFS_MAGIC` of linux/magic.h: what a bind-mounted namespace lies on. Docker leaves the empty file for a while. */
const NSFS_MAGIC = 0x6e736673;

/** The machine's own. */
export const machineSandboxes: Sandboxes = { exists, isInhabited };

async function exists(path: string): Promise<boolean> {
  try {
    return (await statfs(path)).type === NSFS_MAGIC;
  } catch (error) {
    // Only absence is a sign; a path that cannot be looked at says nothing.
    return !(error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"));
  }
}

/** Looks at every process: only for what is about to be reclaimed. */
async function isInhabited(path: string): Promise<boolean> {
  const inode = (await stat(path).catch(() => undefined))?.ino;
  if (inode === undefined || !(await exists(path))) return false;
  const processes = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const namespaces = await Promise.all(processes.map((pid) => readlink(`/proc/${pid}/ns/net`).catch(() => "")));
  return namespaces.includes(`net:[${inode}]`);
}
