import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { HoldfastError } from "@holdfast/core";
import type { Output } from "../run.ts";
import { type ConfAdditions, type ConfList, type PluginConf, pluginInput } from "./conf-list.ts";

/** Runs a program to its end, e.g. a lab host's `tryExec`. */
export type CniExec = (
  argv: readonly string[],
  options: {
    readonly signal: AbortSignal;
    readonly input: string;
    readonly env: Readonly<Record<string, string>>;
  },
) => Promise<Output>;

export interface CniRuntimeOptions {
  readonly exec: CniExec;
  /** Where plugins lie, looked through in this order, e.g. `["/opt/cni/bin", "/usr/lib/cni"]`. */
  readonly pluginDirs: readonly string[];
}

/** One interface of one container, and what its runtime asks for. */
export interface CniContainer {
  readonly containerId: string;
  /** Path of its network namespace; `""` with DEL: it is gone. */
  readonly netns: string;
  /** Default `"eth0"`. */
  readonly ifName?: string;
  /** `CNI_ARGS`, e.g. `"IgnoreUnknown=1;K8S_POD_NAME=redis-0"`. */
  readonly args?: string;
  /** By capability, e.g. `{ portMappings: […] }`; a plugin gets those that its conf declares. */
  readonly capabilityArgs?: Readonly<Record<string, unknown>>;
}

/** What the last plugin of a list has answered to ADD. */
export interface CniAnswer {
  readonly cniVersion?: string;
  readonly interfaces?: readonly { readonly name: string; readonly mac?: string; readonly sandbox?: string }[];
  readonly ips?: readonly { readonly address: string; readonly gateway?: string; readonly interface?: number }[];
  readonly routes?: readonly { readonly dst: string; readonly gw?: string }[];
  readonly dns?: { readonly nameservers?: readonly string[] };
}

/** A plugin's refusal. */
export class CniPluginError extends Error {
  override readonly name = "CniPluginError";
  readonly plugin: string;
  readonly code: number;

  constructor(plugin: string, code: number, message: string) {
    super(message);
    this.plugin = plugin;
    this.code = code;
  }
}

/**
 * A container runtime as far as CNI goes, for tests: calls the plugins of lists as libcni does. ADD in order, each with the result of the one
 * before; CHECK in order and DEL in reverse with the result that ADD came to, which is kept in memory; GC and STATUS of every plugin.
 */
export interface CniRuntime {
  /** @throws CniPluginError of the first plugin that refuses; what those before it have made stays until DEL. */
  add(list: ConfList, container: CniContainer, signal: AbortSignal): Promise<CniAnswer>;
  check(list: ConfList, container: CniContainer, signal: AbortSignal): Promise<void>;
  /** Ends at the first plugin that refuses; again is possible then. */
  del(list: ConfList, container: CniContainer, signal: AbortSignal): Promise<void>;
  /** DEL for every attachment of this list that was added here and is not among these, then GC of every plugin. */
  gc(list: ConfList, valid: readonly CniContainer[], signal: AbortSignal): Promise<void>;
  status(list: ConfList, signal: AbortSignal): Promise<void>;
}

export function createCniRuntime({ exec, pluginDirs }: CniRuntimeOptions): CniRuntime {
  const attached = new Map<string, { readonly container: CniContainer; readonly result: CniAnswer }>();

  async function call(
    command: string,
    { list, plugin, container }: Target,
    additions: ConfAdditions,
    signal: AbortSignal,
  ): Promise<unknown> {
    const env = { CNI_COMMAND: command, CNI_PATH: pluginDirs.join(":"), ...environmentOf(container) };
    const input = pluginInput(list, plugin, { ...additions, capabilityArgs: container?.capabilityArgs });
    const { code, stdout, stderr } = await exec([await find(plugin.type)], { signal, input, env });
    const answer = stdout.trim() === "" ? undefined : (JSON.parse(stdout) as { code?: number; msg?: string });
    if (code === 0) return answer;
    throw new CniPluginError(plugin.type, answer?.code ?? -1, answer?.msg ?? (stderr.trim() || `exit code ${code}`));
  }

  async function find(type: string): Promise<string> {
    for (const directory of pluginDirs) {
      const path = join(directory, type);
      const isThere = await access(path, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (isThere) return path;
    }
    throw new HoldfastError("not_found", `plugin ${type} is in none of ${pluginDirs.join(", ")}`);
  }

  return {
    async add(list, container, signal) {
      let result: CniAnswer | undefined;
      for (const plugin of list.plugins) {
        result = (await call("ADD", { list, plugin, container }, { prevResult: result }, signal)) as CniAnswer;
      }
      if (result === undefined) throw new HoldfastError("invalid_argument", `list ${list.name} has no plugin`);
      attached.set(keyOf(list, container), { container, result });
      return result;
    },

    async check(list, container, signal) {
      if (list.disableCheck === true) return;
      const prevResult = attached.get(keyOf(list, container))?.result;
      for (const plugin of list.plugins) await call("CHECK", { list, plugin, container }, { prevResult }, signal);
    },

    async del(list, container, signal) {
      const key = keyOf(list, container);
      // Results are handed to DEL since version 0.4.0.
      const prevResult = list.cniVersion === "0.3.1" ? undefined : attached.get(key)?.result;
      for (const plugin of list.plugins.toReversed()) {
        await call("DEL", { list, plugin, container }, { prevResult }, signal);
      }
      attached.delete(key);
    },

    async gc(list, valid, signal) {
      const kept = new Set(valid.map((container) => keyOf(list, container)));
      for (const [key, { container }] of attached) {
        if (key.startsWith(`${list.name}/`) && !kept.has(key)) await this.del(list, container, signal);
      }
      const validAttachments = valid.map(({ containerId, ifName = "eth0" }) => ({
        containerID: containerId,
        ifname: ifName,
      }));
      for (const plugin of list.plugins) await call("GC", { list, plugin }, { validAttachments }, signal);
    },

    async status(list, signal) {
      for (const plugin of list.plugins) await call("STATUS", { list, plugin }, {}, signal);
    },
  };
}

interface Target {
  readonly list: ConfList;
  readonly plugin: PluginConf;
  readonly container?: CniContainer;
}

function keyOf({ name }: ConfList, { containerId, ifName = "eth0" }: CniContainer): string {
  return `${name}/${containerId}/${ifName}`;
}

function environmentOf(container: CniContainer | undefined): Readonly<Record<string, string>> {
  if (container === undefined) return {};
  const { containerId, netns, ifName = "eth0", args } = container;
  const own = { CNI_CONTAINERID: containerId, CNI_NETNS: netns, CNI_IFNAME: ifName };
  return args === undefined ? own : { ...own, CNI_ARGS: args };
}
