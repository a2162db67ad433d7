import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type FoundConflist, readConflist, summaryOf } from "./conflist.ts";

/** A configuration in a folder of runtimes. */
export interface ConfigFile {
  readonly path: string;
  readonly text: string;
  readonly found: FoundConflist;
  /** What runtimes call it. */
  readonly name: string;
  /** Of its plugins, e.g. `["bridge", "portmap"]`. */
  readonly types: readonly string[];
}

/** What runtimes see in a folder, in the order of theirs: by name, files that end in .conf, .conflist and .json (libcni, `ConfFiles`). */
export async function readConfigDirectory(directory: string): Promise<readonly ConfigFile[]> {
  const names = (await readdir(directory).catch(() => [])).filter((name) => /\.(?:conf|conflist|json)$/.test(name));
  const files = await Promise.all(
    names.sort().map(async (name): Promise<readonly ConfigFile[]> => {
      const path = join(directory, name);
      const text = await readFile(path, "utf8").catch(() => "");
      const summary = summaryOf(text);
      return summary === undefined ? [] : [{ path, text, found: readConflist(text), ...summary }];
    }),
  );
  return files.flat();
}

/** Configurations that runtimes which take the first one take instead of this: containerd, `ctr`, CRI-O. */
export async function comeBefore(conflist: string): Promise<readonly string[]> {
  const files = (await readConfigDirectory(dirname(conflist))).map(({ path }) => path);
  return files.filter((path) => basename(path) < basename(conflist));
}
