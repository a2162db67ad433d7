import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { HoldfastError } from "@holdfast/core";
import { abandonedDrafts } from "./atomic-file.ts";
import type { Step } from "./steps.ts";

/** What runtimes call, as the plugin's type says. */
export const PLUGIN = "holdfast";
/** In every plugin of ours, from `packages/cni/src/shim.c`. */
const SIGN = "@(#)holdfast-cni-plugin";
const EXECUTABLE = 0o755;

/** Whether a program is a plugin of ours, of whatever version. */
export function isOurPlugin(program: Uint8Array): boolean {
  return Buffer.from(program.buffer, program.byteOffset, program.byteLength).includes(SIGN);
}

/** The program that is installed. @throws HoldfastError `not_found`: it has not been built. */
export async function readPlugin(path: string): Promise<Uint8Array> {
  return await readFile(path).catch((cause: unknown) => {
    throw new HoldfastError("not_found", `the plugin ${path} cannot be read; build it with: make setup`, { cause });
  });
}

/** What puts the plugin into a folder of runtimes. @throws HoldfastError `already_exists`: a program of somebody else has its name. */
export async function pluginSteps(directory: string, program: Uint8Array, now: number): Promise<readonly Step[]> {
  const path = join(directory, PLUGIN);
  const present = await readFile(path).catch(() => undefined);
  if (present !== undefined && !isOurPlugin(present)) {
    const text = `${path} is a program of somebody else; move it away, or choose another folder with --plugin-directory`;
    throw new HoldfastError("already_exists", text);
  }
  const reason = await reasonToWrite(path, present, program);
  return [
    ...(reason === undefined
      ? []
      : [{ action: "write", path, reason, content: program, mode: EXECUTABLE } satisfies Step]),
    ...(await draftSteps(path, now)),
  ];
}

/** What takes the plugin out of a folder. What is not ours stays. */
export async function pluginRemoval(directory: string, reason: string, now: number): Promise<readonly Step[]> {
  const path = join(directory, PLUGIN);
  const present = await readFile(path).catch(() => undefined);
  const isOurs = present !== undefined && isOurPlugin(present);
  return [...(isOurs ? [{ action: "remove", path, reason } as const] : []), ...(await draftSteps(path, now))];
}

/** What takes away what killed installations have left beside a file. */
export async function draftSteps(path: string, now: number): Promise<readonly Step[]> {
  const drafts = await abandonedDrafts(path, now);
  return drafts.map((draft) => ({ action: "remove", path: draft, reason: "left by an installation that was killed" }));
}

async function reasonToWrite(
  path: string,
  present: Uint8Array | undefined,
  wanted: Uint8Array,
): Promise<string | undefined> {
  if (present === undefined) return "missing";
  if (Buffer.compare(present, wanted) !== 0) return "another version";
  const { mode } = await stat(path);
  return (mode & 0o777) === EXECUTABLE ? undefined : `its mode is ${(mode & 0o777).toString(8)}`;
}
