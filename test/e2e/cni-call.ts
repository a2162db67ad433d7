import { join } from "node:path";
import type { LabHost } from "@holdfast/lab";

const SHIM = join(import.meta.dirname, "../../packages/cni/build/holdfast");

/** Keys of the configuration beside those that every call has. */
export interface CniChange extends Readonly<Record<string, unknown>> {
  /** `CNI_ARGS`. */
  readonly args?: string;
}

/** What the plugin has printed: a result, an error, or nothing, which is `{}`. */
export interface CniAnswer {
  readonly code?: number;
  readonly msg?: string;
  readonly ips?: readonly { readonly address: string }[];
}

/** What a runtime does, e.g. `"ADD web-1"`: gives the container's namespace, which is `/run/netns/NAME`, to the plugin. */
export async function cniCall(
  host: LabHost,
  what: `${string} ${string}`,
  signal: AbortSignal,
  change: CniChange = {},
): Promise<CniAnswer> {
  const [command = "", name = ""] = what.split(" ");
  const { args = "", ...config } = change;
  const env = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: name,
    CNI_NETNS: `/run/netns/${name}`,
    CNI_IFNAME: "eth0",
    CNI_ARGS: args,
  };
  const input = JSON.stringify({ cniVersion: "1.1.0", name: "web", type: "holdfast", ...config });
  const words = ["sh", "-c", `printf %s "$1" | exec ${SHIM}`, "sh", input];
  const { stdout } = await host.tryExec(words, { signal, env });
  return stdout === "" ? {} : (JSON.parse(stdout) as CniAnswer);
}
