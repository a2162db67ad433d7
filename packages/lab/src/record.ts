import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { HoldfastError, Name } from "@holdfast/core";
import type { LabAddresses } from "./addresses.ts";
import { isAlive, type ProcessRef, processRef } from "./process-ref.ts";

/** Where the records of all labs are: one folder per lab. */
export const LABS_FOLDER = "/run/holdfast-lab";
/** Where the disks of all labs' spaces are: `/etc` and `/var/lib` of each, as overlays. */
export const DISKS_FOLDER = "/var/tmp/holdfast-lab";
/** What every top-level cgroup of a lab starts with. */
export const CGROUP_PREFIX = "holdfast-lab-";

/** What is known about a lab, kept in `/run/holdfast-lab/NAME/lab.json`. Written before anything else is made. */
export interface LabRecord {
  readonly name: Name;
  /** The name with a random end, e.g. `"demo-3f2a9c"`: never used twice, so that a late sweeper cannot hit a lab's successor. */
  readonly id: string;
  /** The process that made the lab. When it is dead, the lab goes, unless it is detached. */
  readonly owner: ProcessRef;
  /** Stays until it is destroyed by hand. Set when creation has succeeded. */
  readonly detached: boolean;
  readonly hosts: number;
  readonly addresses: LabAddresses;
  /** Whether containerd serves CRI. */
  readonly cri: boolean;
  /** Given to every dockerd in addition, also when it is restarted. */
  readonly dockerArguments: readonly string[];
  /** RFC 3339. */
  readonly createdAt: string;
}

/** The folder of the lab with this name. */
export function labFolder(name: string): string {
  return `${LABS_FOLDER}/${name}`;
}

/**
 * Takes the name for this process: the record appears in one step, complete.
 *
 * @throws HoldfastError `already_exists`.
 */
export async function createRecord(
  shape: Pick<LabRecord, "name" | "hosts" | "addresses" | "cri" | "dockerArguments">,
): Promise<LabRecord> {
  const { name } = shape;
  const owner = processRef(process.pid);
  if (owner === undefined) throw new HoldfastError("unavailable", "/proc is not readable; a lab needs it");
  const id = `${name}-${randomBytes(3).toString("hex")}`;
  const record = { ...shape, id, owner, detached: false, createdAt: new Date().toISOString() };
  const draft = `${LABS_FOLDER}/.draft-${owner.pid}-${owner.startTime}-${id}`;
  await mkdir(draft, { recursive: true });
  await writeRecord(draft, record);
  try {
    await rename(draft, labFolder(name));
  } catch (cause) {
    await rm(draft, { recursive: true, force: true });
    throw new HoldfastError("already_exists", `lab ${name} exists; use another name or: holdfast lab destroy ${name}`, {
      cause,
    });
  }
  return record;
}

/** Replaces the record in one step. */
export async function writeRecord(folder: string, record: LabRecord): Promise<void> {
  await writeFile(`${folder}/lab.json.new`, `${JSON.stringify(record, undefined, 2)}\n`);
  await rename(`${folder}/lab.json.new`, `${folder}/lab.json`);
}

/** @throws HoldfastError `not_found`. */
export async function readRecord(name: string): Promise<LabRecord> {
  const record = await tryReadRecord(name);
  if (record === undefined) throw new HoldfastError("not_found", `no lab ${name}; see: holdfast lab list`);
  return record;
}

/** The record in the folder `/run/holdfast-lab/ENTRY`. */
export async function tryReadRecord(entry: string): Promise<LabRecord | undefined> {
  const text = await readFile(`${labFolder(entry)}/lab.json`, "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as LabRecord);
}

/** All labs on this machine. */
export async function listRecords(): Promise<readonly LabRecord[]> {
  const names = (await labEntries()).filter((entry) => !entry.startsWith("."));
  const records = await Promise.all(names.map(tryReadRecord));
  return records.filter((record) => record !== undefined);
}

/** Whether nobody answers for the lab any more. */
export function isAbandoned(record: LabRecord): boolean {
  return !record.detached && !isAlive(record.owner);
}

/**
 * Takes the lab out of the list for its destruction. Of several destroyers one wins; the entry keeps the record, so that the next
 * sweep finishes what a killed destroyer has begun. Undefined when somebody else was first.
 */
export async function retireRecord(record: LabRecord): Promise<string | undefined> {
  const current = await tryReadRecord(record.name);
  if (current?.id !== record.id) return undefined;
  const entry = `.gone-${record.id}`;
  return await rename(labFolder(record.name), labFolder(entry)).then(
    () => entry,
    () => undefined,
  );
}

/** Removes a retired record, and the folder of all labs with the last one. */
export async function removeEntry(entry: string): Promise<void> {
  await rm(labFolder(entry), { recursive: true, force: true });
  // Fails while other labs are there, which is what is wanted.
  await rmdir(LABS_FOLDER).catch(() => {});
}

/** The names in `/run/holdfast-lab`: labs, and drafts and retired records, which start with a dot. */
export async function labEntries(): Promise<readonly string[]> {
  return await readdir(LABS_FOLDER).catch(() => []);
}

/** The process that was writing the draft `entry`; undefined when the entry is no draft. */
export function draftOwner(entry: string): ProcessRef | undefined {
  const match = /^\.draft-(\d+)-(\d+)-/.exec(entry);
  return match === null ? undefined : { pid: Number(match[1]), startTime: match[2] ?? "" };
}

/** @throws HoldfastError `invalid_argument`: not a DNS label, or too long for the paths of sockets (unix(7): 108 bytes). */
export function parseLabName(text: string): Name {
  if (text.length > 32) {
    throw new HoldfastError("invalid_argument", `the lab's name ${text} is too long; use at most 32 characters`);
  }
  return Name.parse(text);
}
