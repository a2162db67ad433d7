import { HoldfastError } from "@holdfast/core";

/** A plugin's part of a list, with whatever keys the plugin knows. */
export interface PluginConf extends Readonly<Record<string, unknown>> {
  readonly type: string;
  /** Which parts of a {@link CniContainer}'s `capabilityArgs` the runtime hands to this plugin. */
  readonly capabilities?: Readonly<Record<string, boolean>>;
}

/** A network as people write it into `/etc/cni/net.d/NAME.conflist`. */
export interface ConfList {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly PluginConf[];
  readonly disableCheck?: boolean;
}

/** @throws HoldfastError `invalid_argument` for text that is none. */
export function readConfList(text: string): ConfList {
  const raw = JSON.parse(text) as Partial<ConfList>;
  const { cniVersion, name, plugins } = raw;
  if (typeof cniVersion === "string" && typeof name === "string" && plugins?.every(({ type }) => type !== "")) {
    return { ...raw, cniVersion, name, plugins };
  }
  throw new HoldfastError("invalid_argument", `not a list of plugins: ${text.slice(0, 200)}`);
}

/** What a runtime adds to a plugin's part before it hands it over (libcni, `buildOneConfig` and `injectRuntimeConfig`). */
export interface ConfAdditions {
  readonly capabilityArgs?: Readonly<Record<string, unknown>> | undefined;
  readonly prevResult?: object | undefined;
  /** For GC. */
  readonly validAttachments?: readonly { readonly containerID: string; readonly ifname: string }[] | undefined;
}

/** Standard input of one call of one plugin. */
export function pluginInput(
  { cniVersion, name }: ConfList,
  plugin: PluginConf,
  { capabilityArgs = {}, prevResult, validAttachments }: ConfAdditions,
): string {
  const declared = Object.entries(plugin.capabilities ?? {}).flatMap(([key, isOn]) => (isOn ? [key] : []));
  const args = Object.fromEntries(
    declared.filter((key) => key in capabilityArgs).map((key) => [key, capabilityArgs[key]]),
  );
  return JSON.stringify({
    ...plugin,
    cniVersion,
    name,
    ...(Object.keys(args).length === 0 ? {} : { runtimeConfig: args }),
    ...(prevResult === undefined ? {} : { prevResult }),
    ...(validAttachments === undefined ? {} : { "cni.dev/valid-attachments": validAttachments }),
  });
}
