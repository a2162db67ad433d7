import { CniError, CniErrorCode } from "./cni-error.ts";
import { type NetworkConfig, readNetworkConfig, versionOf } from "./network-config.ts";
import { type CniVersion, supports } from "./versions.ts";

/** One interface of one container: what an attachment is called everywhere. */
export interface Workload {
  readonly containerId: string;
  readonly ifName: string;
}

/** Concerns a network as a whole. */
export interface NetworkCall {
  readonly config: NetworkConfig;
  /** `CNI_ARGS`, e.g. `K8S_POD_NAME` → `"redis-0"`. Of a key that is said twice, the last counts. */
  readonly args: ReadonlyMap<string, string>;
}

/** Concerns one attachment. */
export interface AttachmentCall extends NetworkCall {
  readonly workload: Workload;
  /** Path of the sandbox's network namespace; absent with DEL when it has gone already. */
  readonly netns?: string;
}

export type SandboxCall = AttachmentCall & { readonly netns: string };

/** What a runtime asks for. */
export type Invocation =
  | { readonly command: "VERSION"; readonly asked: string | undefined }
  | ({ readonly command: "ADD" | "CHECK" } & SandboxCall)
  | ({ readonly command: "DEL" } & AttachmentCall)
  | ({ readonly command: "GC" | "STATUS" } & NetworkCall);

const COMMANDS = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"] as const;
type Command = (typeof COMMANDS)[number];

/** What each cannot do without. The specification has no `CNI_PATH` for a plugin that calls no other. */
const NEEDED: Readonly<Record<Command, readonly string[]>> = {
  ADD: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  CHECK: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  DEL: ["CNI_CONTAINERID", "CNI_IFNAME"],
  GC: [],
  STATUS: [],
  VERSION: [],
};

/**
 * Reads environment and standard input of one call of the plugin (CNI 1.1.0, section 2 "Execution Protocol").
 *
 * @throws CniError that names every variable that is missing or wrong.
 */
export function readInvocation(environment: Readonly<Record<string, string | undefined>>, stdin: string): Invocation {
  const command = readCommand(environment.CNI_COMMAND);
  if (command === "VERSION") return { command, asked: versionOf(stdin) };
  const missing = NEEDED[command].filter((name) => (environment[name] ?? "") === "");
  if (missing.length > 0) throw wrong(`${command} needs ${missing.join(", ")}, which ${isAre(missing)} not set`);
  // What ADD has refused must not keep DEL from its work.
  const isDel = command === "DEL";
  const config = readNetworkConfig(stdin, isDel ? ["cniVersion", "name"] : undefined);
  requireVersion(command, config.cniVersion);
  const args = readArgs(isDel ? "" : (environment.CNI_ARGS ?? ""));
  if (command === "GC" || command === "STATUS") return { command, config, args };
  const workload = readWorkload(environment);
  if (command === "ADD") refuseKernelsOwn(workload.ifName);
  const netns = environment.CNI_NETNS ?? "";
  if (!isDel) return { command, workload, netns, config, args };
  return { command, workload, config, args, ...(netns === "" ? {} : { netns }) };
}

function readCommand(text = ""): Command {
  const command = COMMANDS.find((each) => each === text);
  if (command !== undefined) return command;
  throw wrong(
    text === ""
      ? "CNI_COMMAND is not set; this program is a CNI plugin, which a container runtime calls"
      : `CNI_COMMAND ${JSON.stringify(text)} is none of ${COMMANDS.join(", ")}`,
  );
}

function requireVersion(command: Command, version: CniVersion): void {
  if ((command !== "CHECK" && command !== "GC" && command !== "STATUS") || supports(version, command)) return;
  throw new CniError(CniErrorCode.incompatibleVersion, `the configuration's cniVersion ${version} has no ${command}`);
}

/** Of the specification for ids, and of the kernel for names of links (dev_valid_name, net/core/dev.c). */
function readWorkload({
  CNI_CONTAINERID: containerId = "",
  CNI_IFNAME: ifName = "",
}: Readonly<Record<string, string | undefined>>): Workload {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(containerId)) {
    throw wrong(
      `CNI_CONTAINERID ${JSON.stringify(containerId)} is not letters, digits, "_", "." and "-" behind a letter or digit`,
    );
  }
  if (Buffer.byteLength(ifName) > 15 || ifName === "." || ifName === ".." || /[/:\s]/.test(ifName)) {
    throw wrong(`CNI_IFNAME ${JSON.stringify(ifName)} is no name of a link: at most 15 bytes, no "/", ":" or blank`);
  }
  return { containerId, ifName };
}

/** The link that every namespace has, where the kernel keeps settings of all links (/proc/sys/net), and its patterns for names. */
function refuseKernelsOwn(ifName: string): void {
  if (!["lo", "all", "default"].includes(ifName) && !ifName.includes("%")) return;
  throw wrong(`CNI_IFNAME ${JSON.stringify(ifName)} means something else to the kernel; use another name, e.g. eth0`);
}

/** `KEY=VALUE;KEY=VALUE`. */
function readArgs(text: string): ReadonlyMap<string, string> {
  const pairs = text.split(";").filter((pair) => pair.trim() !== "");
  return new Map(
    pairs.map((pair) => {
      const equals = pair.indexOf("=");
      if (equals > 0) return [pair.slice(0, equals).trim(), pair.slice(equals + 1)];
      throw wrong(`CNI_ARGS has ${JSON.stringify(pair)}, which is not KEY=VALUE`);
    }),
  );
}

function isAre(names: readonly string[]): string {
  return names.length === 1 ? "is" : "are";
}

function wrong(message: string): CniError {
  return new CniError(CniErrorCode.invalidEnvironment, message);
}
