import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { agentOptions } from "@holdfast/agent/config";
import { flagName, HoldfastError } from "@holdfast/core";
import { createKernel } from "@holdfast/netlink";
import { endProcess } from "../processes/background.ts";
import { readPidFile } from "../processes/pid-file.ts";
import { readSettings } from "../settings.ts";
import { agentFlagsOf, type PlatformFlags } from "./flow-process.ts";
import { type Places, pidFileOf } from "./places.ts";
import { ensureProgram } from "./program-process.ts";

/** Options of the agent by name, e.g. `{ uplink: "eth1" }`. */
export type AgentFlags = Readonly<Record<string, string>>;

const STOP_TIMEOUT = 15_000;

/**
 * Runs the agent as these flags have it, and in all that they do not say as it ran last since the platform went up. One that runs with others is
 * started again: containers do not notice. Where it does not start with the new ones, it goes on with those before.
 */
export async function ensureAgent(places: Places, flags: PlatformFlags): Promise<string> {
  const before = recordedFlags(places);
  const wanted = wantedFlags(places, flags);
  const runs = readPidFile(pidFileOf(places, "agent")) !== undefined;
  if (runs && isDeepStrictEqual(wanted, before)) return `runs already${withFlags(wanted)}`;
  if (runs) await endProcess(pidFileOf(places, "agent"), STOP_TIMEOUT);
  try {
    await ensureProgram(places, "agent", agentArguments(wanted));
  } catch (error) {
    if (runs) await ensureProgram(places, "agent", agentArguments(before)).catch(() => {});
    throw error;
  }
  mkdirSync(places.run, { recursive: true });
  writeFileSync(flagsFile(places), `${JSON.stringify(wanted)}\n`);
  return `${runs ? "started again" : "started"}${withFlags(wanted)}`;
}

/** What the agent was started with last. None since the platform went down or the machine started. */
export function recordedFlags(places: Places): PlatformFlags {
  try {
    return JSON.parse(readFileSync(flagsFile(places), "utf8")) as PlatformFlags;
  } catch {
    return {};
  }
}

/** What the agent ran with last, with what is given in its place. What is given as empty text is as it is by itself. */
export function wantedFlags(places: Places, given: PlatformFlags): PlatformFlags {
  return withoutEmpty({ ...recordedFlags(places), ...given });
}

function withoutEmpty(flags: PlatformFlags): PlatformFlags {
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== ""));
}

/**
 * Before anything is started.
 *
 * @throws HoldfastError `invalid_argument` when the agent would refuse its options, `not_found` when this machine has no such uplink.
 */
export async function refuseFlags(flags: PlatformFlags): Promise<void> {
  const { uplink } = readSettings("agent", agentOptions, agentFlagsOf(withoutEmpty(flags)));
  if (uplink === undefined) return;
  const kernel = await createKernel();
  try {
    if ((await kernel.getLink(uplink)) !== undefined) return;
    const others = (await kernel.listLinks()).map(({ name }) => name).filter((name) => name !== "lo");
    const remedy = others.length === 0 ? "this machine has none at all" : `this machine has ${others.join(", ")}`;
    throw new HoldfastError("not_found", `there is no interface ${uplink} for the uplink; ${remedy}`);
  } finally {
    await kernel.close();
  }
}

/** What the agent is started with. */
export function agentArguments(flags: PlatformFlags): string[] {
  return flagList(agentFlagsOf(flags));
}

function flagList(flags: AgentFlags): string[] {
  return Object.entries(flags).flatMap(([name, value]) => [flagName(name), value]);
}

function withFlags(flags: AgentFlags): string {
  const list = flagList(flags);
  return list.length === 0 ? "" : ` with ${list.join(" ")}`;
}

function flagsFile(places: Places): string {
  return join(places.run, "agent.flags");
}
