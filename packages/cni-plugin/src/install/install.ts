import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { HoldfastError } from "@holdfast/core";
import { readConfigDirectory } from "./config-directory.ts";
import { conflistText, type Installation, readConflist } from "./conflist.ts";
import { draftSteps, PLUGIN, pluginRemoval, pluginSteps } from "./plugin-file.ts";
import type { Step } from "./steps.ts";

export interface InstallOptions {
  /** E.g. `"/etc/cni/net.d/10-holdfast.conflist"`. */
  readonly conflist: string;
  /** Replaces one that an installation made and somebody has changed. */
  readonly force: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const READABLE = 0o644;

/**
 * What is to be done so that runtimes find an installation, in an order in which no configuration ever names a plugin that is not there.
 * Empty: nothing.
 *
 * @throws HoldfastError `already_exists` when a file is somebody else's: nothing is to be done then.
 */
export async function planInstall(
  installation: Installation,
  program: Uint8Array,
  { conflist, force, now }: InstallOptions,
): Promise<readonly Step[]> {
  await refuseName(installation.name, conflist);
  const text = conflistText(installation);
  const present = await readFile(conflist, "utf8").catch(() => undefined);
  const found = present === undefined ? undefined : readConflist(present);
  if (found?.kind === "foreign") throw foreign(conflist);
  if (found?.kind === "changed" && !force) throw changed(conflist);
  const directories = installation.pluginDirectories;
  const plugins = await Promise.all(directories.map((directory) => pluginSteps(directory, program, now)));
  const left = (found?.installation.pluginDirectories ?? []).filter((directory) => !directories.includes(directory));
  return [
    ...plugins.flat(),
    ...conflistSteps(conflist, present, text),
    ...(await draftSteps(conflist, now)),
    ...(await removals(left, "not asked for any more", { conflist, now })),
  ];
}

/**
 * What is to be done so that nothing of an installation is left, in an order in which no configuration ever names a plugin that is not
 * there. A plugin that another configuration of the folder needs stays.
 *
 * @throws HoldfastError `already_exists` when the configuration is somebody else's.
 */
export async function planUninstall(
  { pluginDirectories }: Pick<Installation, "pluginDirectories">,
  { conflist, force, now }: InstallOptions,
): Promise<readonly Step[]> {
  const present = await readFile(conflist, "utf8").catch(() => undefined);
  const found = present === undefined ? undefined : readConflist(present);
  if (found?.kind === "foreign") throw foreign(conflist);
  if (found?.kind === "changed" && !force) throw changed(conflist);
  const directories = new Set([...(found?.installation.pluginDirectories ?? pluginDirectories)]);
  return [
    ...(present === undefined ? [] : [{ action: "remove", path: conflist, reason: "installed" } satisfies Step]),
    ...(await draftSteps(conflist, now)),
    ...(await removals([...directories], "installed", { conflist, now })),
  ];
}

export function conflistSteps(path: string, present: string | undefined, wanted: string): readonly Step[] {
  if (present === wanted) return [];
  const reason = present === undefined ? "missing" : "says something else";
  return [{ action: "write", path, reason, content: Buffer.from(wanted), mode: READABLE }];
}

async function removals(
  directories: readonly string[],
  reason: string,
  { conflist, now }: Pick<InstallOptions, "conflist" | "now">,
): Promise<readonly Step[]> {
  const others = (await readConfigDirectory(dirname(conflist))).filter(({ path }) => path !== conflist);
  const isNeeded = (directory: string): boolean =>
    others.some(({ types, found }) =>
      found.kind === "foreign" ? types.includes(PLUGIN) : found.installation.pluginDirectories.includes(directory),
    );
  const free = directories.filter((directory) => !isNeeded(directory));
  return (await Promise.all(free.map((directory) => pluginRemoval(directory, reason, now)))).flat();
}

/** Runtimes keep attachments by the name of their configuration: of two, GC of one would take down what the other has. */
async function refuseName(name: string, conflist: string): Promise<void> {
  const files = await readConfigDirectory(dirname(conflist));
  const other = files.find((file) => file.name === name && file.path !== conflist);
  if (other === undefined) return;
  throw new HoldfastError("already_exists", `${other.path} is called ${name}, too; choose another name with --name`);
}

function foreign(path: string): HoldfastError {
  const text = `${path} was not made by holdfast cni install; move it away, or choose another file with --conflist`;
  return new HoldfastError("already_exists", text);
}

function changed(path: string): HoldfastError {
  const text = `${path} has been changed by hand since it was installed; --force gives up these changes`;
  return new HoldfastError("already_exists", text);
}
