import { spawn } from "node:child_process";
import { access, readFile } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { text as readAll } from "node:stream/consumers";
import {
  comeBefore,
  type FoundConflist,
  type Installation,
  PLUGIN,
  pluginSteps,
  readConflist,
  statusConfig,
} from "@holdfast/cni-plugin/install";
import { errorText } from "@holdfast/core";

/** One thing that runtimes need. */
export interface Check {
  readonly check: "plugin" | "conflist" | "order" | "socket" | "status";
  readonly state: "ok" | "wrong" | "missing" | "unknown";
  /** What was looked at, and what is to be done where it is not ok. */
  readonly detail: string;
}

export interface StatusOptions {
  readonly conflist: string;
  /** Where the plugin is looked for when no configuration of ours says where. */
  readonly pluginDirectories: readonly string[];
  /** The agent's. */
  readonly socket: string;
  readonly now: number;
}

/** Milliseconds for an answer to STATUS. */
const PATIENCE = 5000;

/** Whether runtimes of this machine can use the platform, from the files to the agent's own word. */
export async function installationStatus(program: Uint8Array, options: StatusOptions): Promise<readonly Check[]> {
  const { conflist, socket } = options;
  const text = await readFile(conflist, "utf8").catch(() => undefined);
  const found = text === undefined ? undefined : readConflist(text);
  const installation = found === undefined || found.kind === "foreign" ? undefined : found.installation;
  const directories = installation?.pluginDirectories ?? options.pluginDirectories;
  const plugins = await Promise.all(directories.map((directory) => pluginCheck(directory, program, options.now)));
  return [
    ...plugins,
    conflistCheck(conflist, found),
    ...(text === undefined ? [] : [await orderCheck(conflist)]),
    await socketCheck(socket),
    await statusCheck({ text, installation, socket }),
  ];
}

async function pluginCheck(directory: string, program: Uint8Array, now: number): Promise<Check> {
  const path = join(directory, PLUGIN);
  try {
    const step = (await pluginSteps(directory, program, now)).find((each) => each.path === path);
    if (step === undefined) return { check: "plugin", state: "ok", detail: path };
    const state = step.reason === "missing" ? "missing" : "wrong";
    return { check: "plugin", state, detail: `${path}: ${step.reason}; run: holdfast cni install` };
  } catch (error) {
    return { check: "plugin", state: "wrong", detail: errorText(error) };
  }
}

function conflistCheck(path: string, found: FoundConflist | undefined): Check {
  const check = "conflist";
  if (found === undefined) return { check, state: "missing", detail: `${path}; run: holdfast cni install` };
  if (found.kind === "foreign")
    return { check, state: "wrong", detail: `${path} was not made by holdfast cni install` };
  const { name, tenant, network } = found.installation;
  const by = found.kind === "changed" ? ", changed by hand since it was installed" : "";
  return { check, state: "ok", detail: `${path}: ${name} is network ${tenant}/${network}${by}` };
}

async function orderCheck(conflist: string): Promise<Check> {
  const before = await comeBefore(conflist);
  if (before.length === 0) return { check: "order", state: "ok", detail: "the first of its folder" };
  const remedy = "runtimes that take the first one take that; rename it, or install with another --conflist";
  return { check: "order", state: "wrong", detail: `after ${before.join(", ")}: ${remedy}` };
}

async function socketCheck(path: string): Promise<Check> {
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once("error", resolve);
  });
  if (error === undefined) return { check: "socket", state: "ok", detail: `${path}: an agent listens` };
  const state = error.code === "ENOENT" ? "missing" : "wrong";
  return { check: "socket", state, detail: `${path}: ${error.code ?? error.message}; see that holdfast agent runs` };
}

async function statusCheck({
  text,
  installation,
  socket,
}: {
  readonly text: string | undefined;
  readonly installation: Installation | undefined;
  readonly socket: string;
}): Promise<Check> {
  const plugin = join(installation?.pluginDirectories[0] ?? "", PLUGIN);
  const isThere = await access(plugin).then(
    () => true,
    () => false,
  );
  if (installation === undefined || text === undefined || !isThere) {
    return { check: "status", state: "unknown", detail: "there is no installation to ask" };
  }
  const { code, output } = await askPlugin(plugin, text, socket);
  if (code === 0) return { check: "status", state: "ok", detail: "the plugin is ready for containers" };
  return { check: "status", state: "wrong", detail: messageOf(output) };
}

/** Asks as a runtime does. */
async function askPlugin(plugin: string, text: string, socket: string): Promise<{ code: number; output: string }> {
  const env = { CNI_COMMAND: "STATUS", CNI_PATH: dirname(plugin), HOLDFAST_CNI_SOCKET: socket };
  const child = spawn(plugin, { env, timeout: PATIENCE, stdio: ["pipe", "pipe", "ignore"] });
  const ended = new Promise<number>((resolve) => {
    child.once("close", (code) => resolve(code ?? 1));
    child.once("error", () => resolve(1));
  });
  // It may have ended before it has read.
  child.stdin.on("error", () => undefined);
  child.stdin.end(statusConfig(text));
  return { output: await readAll(child.stdout), code: await ended };
}

function messageOf(output: string): string {
  try {
    const { code, msg } = JSON.parse(output) as { readonly code: number; readonly msg: string };
    return `${msg} (code ${code})`;
  } catch {
    return `the plugin does not answer: ${output.slice(0, 200) || "nothing"}`;
  }
}
