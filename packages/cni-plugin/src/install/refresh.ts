import { readConfigDirectory } from "./config-directory.ts";
import { conflistText, type FoundConflist } from "./conflist.ts";
import { conflistSteps } from "./install.ts";
import { pluginSteps } from "./plugin-file.ts";
import type { Step } from "./steps.ts";

/** What an installation has made in a folder of runtimes. */
export type FoundInstallation = Exclude<FoundConflist, { kind: "foreign" }> & {
  readonly path: string;
  readonly text: string;
};

export async function readInstallations(directory: string): Promise<readonly FoundInstallation[]> {
  const files = await readConfigDirectory(directory);
  return files.flatMap(({ path, text, found }) => (found.kind === "foreign" ? [] : [{ ...found, path, text }]));
}

/**
 * What is to be done so that each installation of a folder has this program and says what this version says: for an agent that starts, which
 * may be another version than the last one. What somebody has changed keeps its text and gets the program. The program is read when there is
 * an installation.
 */
export async function planRefresh(
  directory: string,
  readProgram: () => Promise<Uint8Array>,
  now: number,
): Promise<readonly Step[]> {
  const found = await readInstallations(directory);
  if (found.length === 0) return [];
  const program = await readProgram();
  const folders = new Set(found.flatMap(({ installation }) => installation.pluginDirectories));
  const plugins = await Promise.all([...folders].map((folder) => pluginSteps(folder, program, now)));
  const conflists = found.map(({ kind, path, text, installation }) =>
    kind === "ours" ? conflistSteps(path, text, conflistText(installation)) : [],
  );
  return [...plugins.flat(), ...conflists.flat()];
}
