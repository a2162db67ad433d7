import { type CommandDefinition, type Context, flag, printList, text } from "@holdfast/cli";
import {
  carryOut,
  comeBefore,
  type Installation,
  planInstall,
  planUninstall,
  readPlugin,
  type Step,
} from "@holdfast/cni-plugin/install";
import { errorText, HoldfastError, Name } from "@holdfast/core";
import { BUILT_PLUGIN, DEFAULT_CONFLIST, DEFAULT_PLUGIN_DIRECTORY, placeOptions, placesOf } from "./places.ts";

const FORCE = "--force";
const DRY_RUN = "--dry-run";

export const installCommand: CommandDefinition = {
  name: "install",
  summary: "Install the CNI plugin and a configuration of a network for container runtimes, or bring both up to date.",
  options: [
    ["!--network <name>", "The network that containers are attached to.", "network"],
    ["--name <name>", "What runtimes call the configuration. Default: holdfast."],
    ["--no-default-route", "For a second network: containers have their default routes elsewhere."],
    ...placeOptions,
    [FORCE, "Replace a configuration that was installed and then changed by hand."],
    [DRY_RUN, "Show what would be done, and do nothing."],
  ],
  examples: [
    "cni install --network web",
    "cni install --network web --tenant blue --dry-run",
    `cni install --network web --plugin-directory ${DEFAULT_PLUGIN_DIRECTORY} --plugin-directory /usr/lib/cni`,
    "cni install --network web --name web --conflist /etc/cni/net.d/20-web.conflist   # for: podman run --network web",
  ],
  async run(context, _, options) {
    const { conflist, pluginDirectories } = placesOf(options);
    const installation: Installation = {
      name: configurationName(text(options, "name") ?? "holdfast"),
      tenant: named("--tenant", context.tenant),
      network: named("--network", text(options, "network") ?? ""),
      ...(flag(options, "defaultRoute") === false ? { defaultRoute: false } : {}),
      pluginDirectories,
    };
    const how = { conflist, force: flag(options, "force") ?? false, now: context.io.now().getTime() };
    const steps = await planInstall(installation, await readPlugin(BUILT_PLUGIN), how);
    await finish(context, steps, flag(options, "dryRun") ?? false);
    for (const path of await comeBefore(conflist)) {
      context.io.err(`${path} comes before ${conflist}: runtimes that take the first configuration take that\n`);
    }
  },
};

export const uninstallCommand: CommandDefinition = {
  name: "uninstall",
  summary: "Remove what cni install has made. End the containers first: without the plugin no runtime can detach them.",
  options: [
    ...placeOptions,
    [FORCE, "Remove a configuration that was changed by hand, too."],
    [DRY_RUN, "Show what would be done, and do nothing."],
  ],
  examples: ["cni uninstall", "cni uninstall --dry-run", `cni uninstall --conflist ${DEFAULT_CONFLIST}`],
  async run(context, _, options) {
    const { conflist, ...installation } = placesOf(options);
    const how = { conflist, force: flag(options, "force") ?? false, now: context.io.now().getTime() };
    await finish(context, await planUninstall(installation, how), flag(options, "dryRun") ?? false);
  },
};

async function finish({ io, output }: Context, steps: readonly Step[], dryRun: boolean): Promise<void> {
  if (!dryRun) await carryOut(steps).catch(explained);
  const done = { write: "written", remove: "removed" };
  const items = steps.map(({ action, path, reason }) => ({ action: dryRun ? action : done[action], path, reason }));
  printList(io, output, items, {
    empty: "nothing to do",
    columns: [
      { title: dryRun ? "WOULD" : "DONE", text: ({ action }) => action },
      { title: "FILE", text: ({ path }) => path },
      { title: "WHY", text: ({ reason }) => reason },
    ],
  });
}

function explained(error: unknown): never {
  const { code } = error as NodeJS.ErrnoException;
  const remedy = code === "EACCES" || code === "EPERM" ? "run it as root" : "see to it and run it again";
  throw new HoldfastError("unavailable", `${errorText(error)}; ${remedy}`, { cause: error });
}

/** Of the specification (CNI 1.1.0, "Configuration format"). */
function configurationName(name: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) return name;
  const text = `--name ${JSON.stringify(name)} is not letters, digits, "_", "." and "-" behind a letter or digit`;
  throw new HoldfastError("invalid_argument", text);
}

function named(field: string, name: string): Name {
  try {
    return Name.parse(name);
  } catch (cause) {
    throw new HoldfastError("invalid_argument", `${field}: ${errorText(cause)}`, { cause });
  }
}
