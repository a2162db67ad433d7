import { createHash } from "node:crypto";
import { Name } from "@holdfast/core";
import { CAPABILITIES } from "../protocol/network-config.ts";
import { SUPPORTED_VERSIONS } from "../protocol/versions.ts";

/** What runtimes are told by one configuration, and where the plugin is for them. */
export interface Installation {
  /** What runtimes call it: attachments are kept under this name, so it stays when the network changes. */
  readonly name: string;
  readonly tenant: Name;
  readonly network: Name;
  /** `false`: containers have their default routes elsewhere. Absent: here, when nobody was before. */
  readonly defaultRoute?: false;
  /** Folders in which runtimes look for plugins, e.g. `["/opt/cni/bin", "/usr/lib/cni"]`. */
  readonly pluginDirectories: readonly string[];
}

/** A configuration that lies in a folder of runtimes. */
export type FoundConflist =
  | { readonly kind: "ours"; readonly installation: Installation }
  /** Made by an installation and changed since: what is in it is somebody's own. */
  | { readonly kind: "changed"; readonly installation: Installation }
  | { readonly kind: "foreign" };

/** `cniVersion` for runtimes that know no `cniVersions`: the newest that all of them speak. */
const VERSION_FOR_ALL = "1.0.0";
/** The key of what an installation writes down about itself; runtimes skip what they do not know. */
const MARK = "io.holdfast/installed";

/** The file, e.g. `/etc/cni/net.d/10-holdfast.conflist`: the same text for the same installation. */
export function conflistText({ name, tenant, network, defaultRoute, pluginDirectories }: Installation): string {
  const capabilities = Object.fromEntries(CAPABILITIES.map((capability) => [capability, true]));
  const content = {
    cniVersion: VERSION_FOR_ALL,
    cniVersions: SUPPORTED_VERSIONS,
    name,
    plugins: [{ type: "holdfast", tenant, network, ...(defaultRoute === false ? { defaultRoute } : {}), capabilities }],
  };
  const mark = { pluginDirectories, digest: digestOf({ ...content, [MARK]: { pluginDirectories } }) };
  return `${JSON.stringify({ ...content, [MARK]: mark }, undefined, 2)}\n`;
}

/** Whose a file is. How it is laid out does not matter. */
export function readConflist(text: string): FoundConflist {
  const { [MARK]: mark, ...content } = objectOf(text);
  try {
    const { digest, ...rest } = mark as { readonly digest: string; readonly pluginDirectories: readonly string[] };
    const [plugin] = content.plugins as { tenant: string; network: string; defaultRoute?: boolean }[];
    const { tenant, network, defaultRoute } = plugin ?? {};
    const installation = {
      name: String(content.name),
      tenant: Name.parse(tenant ?? ""),
      network: Name.parse(network ?? ""),
      ...(defaultRoute === false ? { defaultRoute } : {}),
      pluginDirectories: rest.pluginDirectories.map(String),
    };
    const isOurs = digest === digestOf({ ...content, [MARK]: rest });
    return { kind: isOurs ? "ours" : "changed", installation };
  } catch {
    return { kind: "foreign" };
  }
}

/** Name of a configuration and the types of its plugins, whoever wrote it; undefined: runtimes cannot read it either. */
export function summaryOf(text: string): { readonly name: string; readonly types: readonly string[] } | undefined {
  const { name, plugins, type } = objectOf(text);
  if (typeof name !== "string") return undefined;
  const each: readonly unknown[] = Array.isArray(plugins) ? plugins : [{ type }];
  return { name, types: each.map((plugin) => String((plugin as { type?: unknown } | null)?.type)) };
}

/** What a runtime gives the plugin of a configuration for STATUS (CNI 1.1.0, "Deriving request configuration"). */
export function statusConfig(text: string): string {
  const { name, plugins } = objectOf(text);
  const [plugin] = plugins as object[];
  return JSON.stringify({ ...plugin, name, cniVersion: SUPPORTED_VERSIONS.at(-1) });
}

function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function digestOf(content: object): string {
  return `sha256:${createHash("sha256").update(JSON.stringify(content)).digest("hex")}`;
}
