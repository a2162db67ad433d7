import { readdir, readFile, readlink, rm, rmdir } from "node:fs/promises";
import type { Logger } from "@holdfast/core";
import { cgroupProcesses, removeCgroup, topLevelCgroups } from "./cgroup.ts";
import { isAlive } from "./process-ref.ts";
import {
  CGROUP_PREFIX,
  DISKS_FOLDER,
  draftOwner,
  isAbandoned,
  type LabRecord,
  labEntries,
  labFolder,
  readRecord,
  removeEntry,
  retireRecord,
  tryReadRecord,
} from "./record.ts";
import type { SpaceRecord } from "./space.ts";

/** Destroys the lab with this name, whoever owns it. @throws HoldfastError `not_found`. */
export async function destroyLab(
  { logger }: { readonly logger: Logger },
  name: string,
  signal: AbortSignal,
): Promise<void> {
  await destroyRecorded({ logger }, await readRecord(name), signal);
}

/** Destroys a lab; one that is gone is a success. */
export async function destroyRecorded(
  { logger }: { readonly logger: Logger },
  record: LabRecord,
  signal: AbortSignal,
): Promise<void> {
  const entry = await retireRecord(record);
  // Whoever was first may have come while the lab was still being made, and have missed what was made after.
  if (entry === undefined) return await removeTraces(record.id, signal);
  await removeRemains(entry, record.id, signal);
  logger.info("lab destroyed", { lab: record.name });
}

/**
 * Removes everything of labs whose owner has died, and finishes destructions that were interrupted. Labs of living owners and
 * detached labs are never touched. Returns the names of what it removed.
 */
export async function sweepLabs(
  { logger }: { readonly logger: Logger },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const swept: string[] = [];
  // Cgroups and disks are listed before the records: their record is always older and goes last.
  const orphans = new Set([...(await cgroupIds()), ...(await diskIds())]);
  for (const entry of await labEntries()) {
    const record = await tryReadRecord(entry);
    if (record !== undefined) orphans.delete(record.id);
    if (entry.startsWith(".")) {
      if (await sweepHidden(entry, signal)) swept.push(entry);
    } else if (record !== undefined && isAbandoned(record)) {
      await destroyRecorded({ logger }, record, signal);
      swept.push(record.name);
    }
  }
  for (const id of orphans) {
    if ((await labEntries()).includes(`.gone-${id}`)) continue;
    // A lab of another container that shares the cgroups but neither processes nor folders with this one.
    if ((await cgroupProcesses(`${CGROUP_PREFIX}${id}`)).includes(0)) continue;
    await removeTraces(id, signal);
    swept.push(id);
  }
  if (swept.length > 0) logger.info("removed what dead labs left", { labs: swept });
  return swept;
}

async function cgroupIds(): Promise<readonly string[]> {
  return (await topLevelCgroups(CGROUP_PREFIX)).map((name) => name.slice(CGROUP_PREFIX.length));
}

async function diskIds(): Promise<readonly string[]> {
  return await readdir(DISKS_FOLDER).catch(() => []);
}

/** Drafts of dead processes, and retired records, whose destroyer may have died: to destroy twice does no harm. */
async function sweepHidden(entry: string, signal: AbortSignal): Promise<boolean> {
  const owner = draftOwner(entry);
  if (owner !== undefined && isAlive(owner)) return false;
  if (owner !== undefined) await removeEntry(entry);
  else await removeRemains(entry, entry.replace(/^\.gone-/, ""), signal);
  return true;
}

/** The record goes last: as long as it is there, a sweep knows what to look for. */
async function removeRemains(entry: string, id: string, signal: AbortSignal): Promise<void> {
  for (const pid of await strangers(entry)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has gone by itself.
    }
  }
  await removeTraces(id, signal);
  await removeEntry(entry);
}

/** Killing the processes removes namespaces, mounts and links: nothing else holds them. */
async function removeTraces(id: string, signal: AbortSignal): Promise<void> {
  await removeCgroup(`${CGROUP_PREFIX}${id}`, signal);
  await rm(`${DISKS_FOLDER}/${id}`, { recursive: true, force: true });
  // Fails while other labs are there, which is what is wanted.
  await rmdir(DISKS_FOLDER).catch(() => {});
}

/**
 * Processes inside a space's namespaces that came by another way than through the lab, e.g. a shell by `nsenter`. Only while the
 * space's holder lives: afterwards the kernel may give the namespace's number to a stranger.
 */
async function strangers(entry: string): Promise<readonly number[]> {
  const namespaces = new Set<string>();
  for (const folder of await readdir(labFolder(entry), { withFileTypes: true }).catch(() => [])) {
    if (!folder.isDirectory()) continue;
    const text = await readFile(`${labFolder(entry)}/${folder.name}/space.json`, "utf8").catch(() => undefined);
    if (text === undefined) continue;
    const { holder } = JSON.parse(text) as SpaceRecord;
    const own = await namespacesOf(holder.pid);
    // Asked after reading: then what was read was the holder's.
    if (isAlive(holder)) for (const namespace of own) namespaces.add(namespace);
  }
  if (namespaces.size === 0) return [];
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => ((await namespacesOf(pid)).some((each) => namespaces.has(each)) ? [pid] : [])),
  );
  return found.flat();
}

/** The network and mount namespace of a process, e.g. `["net:[4026532001]", "mnt:[4026532000]"]`; none when it has ended. */
async function namespacesOf(pid: number): Promise<readonly string[]> {
  const kinds = ["net", "mnt"].map((kind) => readlink(`/proc/${pid}/ns/${kind}`).catch(() => undefined));
  return (await Promise.all(kinds)).filter((namespace) => namespace !== undefined);
}
