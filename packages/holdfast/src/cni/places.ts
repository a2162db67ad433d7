import { join, resolve } from "node:path";
import type { CommandOptions } from "@holdfast/cli";
import { repository } from "../programs/places.ts";

/** The plugin of this checkout, which `make setup` builds. */
export const BUILT_PLUGIN = join(repository, "packages/cni/build/holdfast");

/** Where most runtimes look; Debian's containerd and podman look into `/usr/lib/cni` as well. */
export const DEFAULT_PLUGIN_DIRECTORY = "/opt/cni/bin";
/** Runtimes that take one configuration take the first by name. */
export const DEFAULT_CONFLIST = "/etc/cni/net.d/10-holdfast.conflist";

/** Flags that say where files of runtimes are. */
export const placeOptions = [
  [
    "--plugin-directory <path...>",
    `A folder in which runtimes look for plugins. Default: ${DEFAULT_PLUGIN_DIRECTORY}.`,
    "file",
  ],
  ["--conflist <path>", `The configuration's file. Default: ${DEFAULT_CONFLIST}.`, "file"],
] as const;

export function placesOf(options: CommandOptions): {
  readonly pluginDirectories: readonly string[];
  readonly conflist: string;
} {
  const { pluginDirectory, conflist }: { pluginDirectory?: readonly string[]; conflist?: string } = options;
  return {
    pluginDirectories: (pluginDirectory ?? [DEFAULT_PLUGIN_DIRECTORY]).map((path) => resolve(path)),
    conflist: resolve(conflist ?? DEFAULT_CONFLIST),
  };
}
